// Makes the forms of alerting nicer: a rule is tried on history as its slider moves, checks are found as one types, times
// are in one's own zone. All of it works without this file.
(() => {
  "use strict";
  const QUIET_MS = 250;
  const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

  function secondsOf(text) {
    const found = /^\s*(\d+)\s*(s|min|h|d)?\s*$/.exec(text);
    return found ? Number(found[1]) * (found[2] ? UNITS.find(([name]) => name === found[2])[1] : 1) : NaN;
  }

  function spanText(seconds) {
    const [name, size] = UNITS.find(([, unit]) => seconds % unit === 0);
    return `${seconds / size} ${name}`;
  }

  for (const slider of document.querySelectorAll("[data-slides]")) {
    const field = document.getElementById(slider.dataset.slides);
    const isSpan = "span" in slider.dataset;
    const follow = () => {
      const value = isSpan ? secondsOf(field.value) : Number(field.value);
      if (field.value.trim() === "" || Number.isNaN(value)) return;
      if (value > Number(slider.max)) slider.max = String(value);
      slider.value = String(value);
    };
    follow();
    slider.hidden = false;
    field.addEventListener("input", follow);
    slider.addEventListener("input", () => {
      field.value = isSpan ? spanText(Number(slider.value)) : slider.value;
      const form = slider.closest("fieldset")?.querySelector("input[name=form]");
      if (form) form.checked = true; // what is moved is what is meant
    });
  }

  function triesItself(form) {
    const place = document.getElementById("tried");
    if (!place) return;
    let timer = null;
    let asked = null;
    const draw = async () => {
      asked?.abort();
      const mine = new AbortController();
      asked = mine;
      place.setAttribute("aria-busy", "true");
      try {
        const fields = new FormData(form);
        fields.set("part", "1");
        const answer = await fetch(form.dataset.try, { method: "POST", body: new URLSearchParams(fields), signal: mine.signal });
        if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
        const drawn = new DOMParser().parseFromString(await answer.text(), "text/html");
        place.replaceChildren(...drawn.body.childNodes);
        place.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
      } catch (error) {
        if (error.name === "AbortError") return;
        place.textContent = "Tracer does not answer: try again with the button.";
      }
      if (asked === mine) place.removeAttribute("aria-busy");
    };
    const soon = (event) => {
      if (event.target.name === "named" || event.target.name === "name") return;
      clearTimeout(timer);
      timer = setTimeout(draw, QUIET_MS);
    };
    form.addEventListener("input", soon);
    form.addEventListener("submit", (event) => {
      if (event.submitter?.getAttribute("formaction") !== form.dataset.try) return;
      event.preventDefault();
      draw();
    });
  }
  for (const form of document.querySelectorAll("form[data-try]")) triesItself(form);

  for (const search of document.querySelectorAll("[data-filters]")) {
    const rows = [...document.getElementById(search.dataset.filters).querySelectorAll("label")];
    search.addEventListener("input", () => {
      const typed = search.value.trim().toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(typed) && !row.querySelector(":checked");
    });
    search.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // the first button of the form would save it
      search.form.querySelector("button[name=find]").click();
    });
  }

  const zoned = document.querySelector("[data-zoned]");
  const address = new URL(location.href);
  if (zoned && ownZone && !address.searchParams.has("zone") && zoned.dataset.zoned !== ownZone) {
    address.searchParams.set("zone", ownZone);
    location.replace(address);
  }
})();
