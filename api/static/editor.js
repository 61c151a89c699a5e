// Makes an editor answer where one is: its buttons send the form as ever, and the parts of the page that the answer draws
// otherwise take the place of those that stand here. `data-answers`: only that button does so. It works without this file.
(() => {
  "use strict";
  const form = document.getElementById("editor");
  let sending = null;
  let timer = null;

  const said = (field) => field.querySelector(".wrong")?.textContent ?? "";

  function take(page, button) {
    const active = document.activeElement;
    const name = active?.getAttribute("name");
    const isIn = (part) => part.contains(active);
    for (const part of document.querySelectorAll("[data-part]")) {
      const next = page.getElementById(part.id);
      if (!next || next.outerHTML === part.outerHTML) continue;
      const opened = [...part.querySelectorAll("details[open][id]")].map((details) => details.id);
      const held = isIn(part);
      part.replaceWith(next);
      next.dispatchEvent(new Event("drawn", { bubbles: true }));
      for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
      if (!held) continue;
      const again = next.querySelector("[autofocus]") ?? (name && name !== "do" ? next.querySelector(`[name="${CSS.escape(name)}"]`) : null);
      (again ?? next.querySelector("button, select, input:not([type=hidden])"))?.focus();
    }
    for (const field of document.querySelectorAll("[data-field]")) {
      const next = page.getElementById(field.id);
      if (next && said(next) !== said(field)) {
        const held = isIn(field);
        field.replaceWith(next);
        if (held) next.querySelector("[name]")?.focus();
        next.closest("details")?.setAttribute("open", "");
      }
    }
    const named = page.getElementById("name");
    if (named) document.getElementById("name").placeholder = named.placeholder;
    if (button === "try") document.getElementById("tried").scrollIntoView({ block: "nearest" });
    const wrong = document.querySelector("[data-field] .wrong");
    if (button === "try" && wrong) wrong.closest("[data-field]").querySelector("[name]")?.focus();
    for (const id of ["try", "save"]) {
      const mine = document.getElementById(id);
      const theirs = page.getElementById(id);
      if (mine && theirs) mine.className = theirs.className;
    }
    lookAgain();
  }

  // What waits (a run under way, a probe to come) is asked for again, as long as it stands there.
  function lookAgain() {
    const waits = document.querySelector("[data-look]");
    if (!waits) return;
    clearTimeout(timer);
    timer = setTimeout(() => document.contains(waits) && !document.hidden && send("look"), Number(waits.dataset.look));
  }

  async function send(button) {
    sending?.abort();
    const mine = new AbortController();
    sending = mine;
    const fields = new FormData(form);
    fields.set("do", button);
    for (const [name, value] of [...fields]) if (value instanceof File) fields.delete(name); // it stays chosen, for the one that saves
    const tried = document.getElementById("tried");
    if (button === "try") {
      tried.setAttribute("aria-busy", "true");
      const told = tried.querySelector("p[role=status]") ?? document.createElement("p");
      told.setAttribute("role", "status");
      told.textContent = `Asking from ${document.getElementById("from")?.value ?? "a probe"}…`;
      tried.querySelector("h2").after(told);
    }
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(fields), signal: mine.signal });
      if (answer.redirected) {
        location.assign(answer.url);
        return;
      }
      take(new DOMParser().parseFromString(await answer.text(), "text/html"), button);
    } catch (error) {
      if (error.name === "AbortError") return;
      document.getElementById("messages").textContent = "Tracer does not answer. Nothing you typed is lost: try again.";
    } finally {
      document.getElementById("tried")?.removeAttribute("aria-busy");
    }
  }

  // What is typed and neither saved nor sent is not lost by a wrong click.
  const place = (address) => address.split(/[?#]/)[0];
  let unsaved = place(document.referrer) === place(location.href) && document.querySelector("main .wrong[role=alert]") !== null; // it came back
  form.addEventListener("input", () => (unsaved = true));
  addEventListener("beforeunload", (event) => {
    if (unsaved) event.preventDefault();
  });
  for (const button of form.querySelectorAll(".without-script")) button.hidden = true;

  form.addEventListener("submit", (event) => {
    const button = event.submitter?.value ?? "save";
    const whole = button === "save" || button.startsWith("type.") || (form.dataset.answers && button !== form.dataset.answers && button !== "look");
    if (whole) {
      unsaved = false; // it goes along
      return;
    }
    event.preventDefault();
    send(button);
  });
  form.addEventListener("input", (event) => {
    const radio = event.target.closest("[data-choice]")?.querySelector("input[type=radio]"); // who types into it means it
    if (radio && radio !== event.target) radio.checked = true;
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches("[data-redraw]")) send("redraw");
  });
  document.addEventListener("visibilitychange", lookAgain);
  lookAgain();
})();
