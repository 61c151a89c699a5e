// Makes pages follow what happens: parts marked data-live are drawn anew by the server and replaced here when they differ.
// The organization's stream says when; while it is down, the page asks every few seconds. A hidden page does neither.
// Times are shown in the reader's zone. Pages work without this file.
(() => {
  "use strict";
  const SOON_MS = 300; // what matters to this page: all that comes within so long is one look
  const LATER_MS = 10000; // what happens elsewhere, and what time alone changes
  const HANDLED_MS = 30000; // since somebody last touched the page
  const EVERY_MS = 3000; // without the stream
  const everyMs = () => Number(document.querySelector("[data-live-every]")?.dataset.liveEvery) || null; // of a page in a hurry
  const asked = () => document.querySelector("[data-live-from]")?.dataset.liveFrom ?? location.href; // where it is drawn anew
  const source = document.querySelector("[data-stream]")?.dataset.stream ?? "/v1/stream"; // what says that it has changed
  const parts = () => [...document.querySelectorAll("[data-live]")];
  const drawn = new Map(parts().map((part) => [part.id, part.outerHTML]));
  const status = document.querySelector("[data-live-state]");
  let lastTag = null;
  let failingSince = null;
  let asking = false;
  let again = false;
  let timer = null;
  let due = Infinity;
  let lookedAt = 0;
  let tookMs = 0;
  let stream = null;
  let streaming = false;

  const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

  function inZone(root) {
    const today = day.format(new Date());
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      const date = day.format(at);
      const year = at.getFullYear() === new Date().getFullYear() ? "" : ` ${at.getFullYear()}`;
      if ("day" in time.dataset) time.textContent = `${date}${year}`;
      else time.textContent = `${date === today && !year ? "" : `${date}${year}, `}${clock.format(at)}`;
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

  // Who is about to tap finds what they look at where it was: a row that comes above it moves the page with it.
  let handledAt = -Infinity;
  for (const kind of ["pointermove", "pointerdown", "touchstart", "wheel", "keydown"]) {
    addEventListener(kind, () => (handledAt = performance.now()), { passive: true });
  }

  function lookedAtRow() {
    if (performance.now() - handledAt > HANDLED_MS) return null;
    for (const row of document.querySelectorAll("[data-live] :is(article, tr, li)")) {
      const { top, bottom } = row.getBoundingClientRect();
      const link = row.querySelector("a[href]");
      if (link && top >= 0 && bottom <= innerHeight) return { link: nameOf(link), top };
    }
    return null;
  }

  function keepInPlace(row) {
    const now = row && document.querySelector(row.link)?.closest("article, tr, li");
    const moved = now ? now.getBoundingClientRect().top - row.top : 0;
    if (Math.abs(moved) > 1) scrollBy({ top: moved, behavior: "instant" });
  }

  // A film strip is wider than the page: it begins at the step that failed, not at the first.
  function failedInSight(root) {
    for (const step of root.querySelectorAll(".film > .down")) {
      const film = step.parentElement;
      const past = step.getBoundingClientRect().right - film.getBoundingClientRect().right;
      if (past > 0) film.scrollLeft += past + 10;
    }
  }

  function replace(page) {
    const row = lookedAtRow();
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
      failedInSight(fresh);
      if (focused) fresh.querySelector(focused)?.focus();
    }
    keepInPlace(row);
    document.title = page.title;
    document.dispatchEvent(new CustomEvent("looked", { detail: page })); // for the script of a page
  }

  async function refresh() {
    if (asking) {
      again = true; // what has happened since it asked
      return;
    }
    asking = true;
    lookedAt = performance.now();
    try {
      const answer = await fetch(asked(), { headers: { Accept: "text/html", "X-Live": "1" }, cache: "no-cache" });
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
      document.body.classList.remove("not-live");
      say(streaming ? "Live" : `Live, by asking every ${EVERY_MS / 1000} s`);
    } catch {
      failingSince ??= new Date();
      document.body.classList.add("not-live");
      say(`Not live since ${clock.format(failingSince)}: no answer from Tracer. What stands here is as it was then`);
    } finally {
      tookMs = performance.now() - lookedAt;
      asking = false;
    }
    if (!again) return;
    again = false;
    within(SOON_MS);
  }

  // Look within so long, at once if the last look is long enough ago; a server that takes its time is asked less often.
  function within(ms) {
    if (document.hidden) return;
    const now = performance.now();
    const at = ms === SOON_MS ? Math.max(now, lookedAt + Math.max(SOON_MS, 4 * tookMs)) : now + ms;
    if (at >= due) return;
    due = at;
    clearTimeout(timer);
    timer = setTimeout(look, at - now);
  }

  async function look() {
    due = Infinity;
    await refresh();
    within(everyMs() ?? (streaming ? LATER_MS : EVERY_MS));
  }

  // An alert, a state that changed, what this page is about: soon. Everything else is in the next look that comes anyway.
  function heard(event) {
    const told = JSON.parse(event.data);
    const here = [told.id, told.monitor_id, told.journey_id].some((id) => id && location.pathname.includes(id));
    if (here || !["run", "progress"].includes(event.type) || told.state_changed) within(SOON_MS);
  }

  function listen() {
    stream = new EventSource(source);
    stream.onopen = () => {
      streaming = true;
      within(SOON_MS); // what happened before it was open
    };
    stream.onerror = () => {
      streaming = false; // the browser tries again by itself, unless it was refused
      within(EVERY_MS);
    };
    for (const kind of ["run", "alert", "gap", "progress", "event"]) stream.addEventListener(kind, heard);
  }

  function follow() {
    stream?.close();
    stream = null;
    streaming = again = false;
    clearTimeout(timer);
    due = Infinity;
    if (document.hidden) return;
    listen();
    within(lookedAt ? SOON_MS : EVERY_MS);
  }

  inZone(document);
  const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const zone of document.querySelectorAll("[data-zone]")) zone.textContent = `Times are in your zone, ${ownZone}`;
  for (const field of document.querySelectorAll("[data-own-zone]")) {
    if (field.value !== "UTC" || !ownZone) continue;
    field.value = ownZone;
    for (const name of field.form.querySelectorAll("[data-zone-name]")) name.textContent = ownZone;
    for (const time of field.form.querySelectorAll("[data-at]")) {
      const at = new Date(time.dataset.at);
      time.value = new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
    }
  }
  failedInSight(document);
  document.addEventListener("drawn", (event) => {
    inZone(event.target); // by the script of a page
    failedInSight(event.target);
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload(); // from the browser's memory: it may be old, or of somebody signed out
  });
  for (const here of document.querySelectorAll("nav [aria-current]")) {
    const menu = here.closest("nav"); // on a phone wider than the page; the page itself stays where it is
    menu.scrollLeft += here.getBoundingClientRect().left - menu.getBoundingClientRect().left - (menu.clientWidth - here.offsetWidth) / 2;
  }
  const sent = document.querySelector("[data-reload]"); // a page that answers a form: to load it again is to ask, not to send
  if (sent) history.replaceState(null, "", sent.dataset.reload);
  const first = document.querySelector("main [aria-invalid=true]") ?? document.querySelector("main .wrong[role=alert]") ?? document.querySelector("main p.card[role=status]");
  if (first && !document.querySelector("[autofocus]")) {
    if (!first.matches("input, select, textarea")) first.tabIndex = -1; // after a deed: on to what is wrong, or was done
    first.focus();
  }
  const menus = () => document.querySelectorAll("details.menu[open]");
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const menu of menus()) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    } else if (event.key === "/" && !event.target.closest("input, textarea, select, [contenteditable]")) {
      const search = document.querySelector("form[role=search] input[type=search]");
      if (search === null || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      search.focus();
    }
  });
  document.addEventListener("click", (event) => {
    for (const menu of menus()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("change", (event) => {
    const press = event.target.dataset?.presses; // a button that draws the form anew for what was chosen
    if (press) event.target.form?.querySelector(`button[value="${press}"]`)?.click();
  });
  if (parts().length > 0) {
    document.addEventListener("visibilitychange", follow);
    addEventListener("pagehide", () => stream?.close());
    follow();
  }
})();
