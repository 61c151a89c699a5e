// Makes pages follow what happens: parts marked data-live are drawn anew by the server and replaced here when they differ.
// Times are shown in the reader's zone. Pages work without this file.
(() => {
  "use strict";
  const EVERY_MS = 3000;
  const parts = () => [...document.querySelectorAll("[data-live]")];
  const drawn = new Map(parts().map((part) => [part.id, part.outerHTML]));
  const status = document.querySelector("[data-live-state]");
  let lastTag = null;
  let failingSince = null;
  let asking = false;
  let timer = null;

  const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

  function inZone(root) {
    const today = day.format(new Date());
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      const date = day.format(at);
      const year = at.getFullYear() === new Date().getFullYear() ? "" : ` ${at.getFullYear()}`;
      time.textContent = `${date === today && !year ? "" : `${date}${year}, `}${clock.format(at)}`;
      time.title = time.dateTime;
    }
  }

  function say(text) {
    if (status && status.textContent !== text) status.textContent = text;
  }

  // What somebody is writing, or has opened to write, is not taken from under their hands.
  function inUse(part) {
    const open = part.querySelector("details[open] textarea");
    return open !== null || part.querySelector("textarea:focus") !== null;
  }

  // The same thing in a part that is drawn anew: by its id, or a link by where it leads.
  function nameOf(element) {
    if (element.id) return `#${CSS.escape(element.id)}`;
    return element.hasAttribute("href") ? `[href="${CSS.escape(element.getAttribute("href"))}"]` : "";
  }

  function replace(page) {
    for (const part of parts()) {
      const next = page.getElementById(part.id);
      if (!next || next.outerHTML === drawn.get(part.id) || inUse(part)) continue;
      const focused = part.contains(document.activeElement) ? nameOf(document.activeElement) : "";
      const opened = [...part.querySelectorAll("details[open][id]")].map((details) => details.id);
      drawn.set(part.id, next.outerHTML);
      const fresh = document.importNode(next, true);
      inZone(fresh);
      for (const id of opened) fresh.querySelector(`#${id}`)?.setAttribute("open", "");
      part.replaceWith(fresh);
      if (focused) fresh.querySelector(focused)?.focus();
    }
    document.title = page.title;
  }

  async function refresh() {
    if (asking) return;
    asking = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html", "X-Live": "1" }, cache: "no-cache" });
      if (answer.redirected) {
        location.reload(); // signed out: the server knows where to go
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const tag = answer.headers.get("ETag");
      if (tag === null || tag !== lastTag) {
        replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
        lastTag = tag;
      }
      failingSince = null;
      say("Live");
    } catch {
      failingSince ??= new Date();
      say(`Not live: no answer from Tracer since ${clock.format(failingSince)}`);
    } finally {
      asking = false;
    }
  }

  async function follow() {
    clearTimeout(timer);
    if (document.hidden || parts().length === 0) return;
    await refresh();
    timer = setTimeout(follow, EVERY_MS);
  }

  inZone(document);
  for (const zone of document.querySelectorAll("[data-zone]")) {
    zone.textContent = `Times are in your zone, ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
  }
  document.addEventListener("drawn", (event) => inZone(event.target)); // by the script of a page
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload(); // from the browser's memory: it may be old, or of somebody signed out
  });
  if (parts().length > 0) {
    document.addEventListener("visibilitychange", follow);
    timer = setTimeout(follow, EVERY_MS);
  }
})();
