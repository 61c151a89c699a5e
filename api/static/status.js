// Shows times in the reader's zone and draws the page anew when something happened. The page is whole without this file.
(() => {
  "use strict";
  const EVERY_MS = 30000;
  const parts = () => [...document.querySelectorAll("[data-live]")];
  const drawn = new Map(parts().map((part) => [part.id, part.outerHTML]));
  const status = document.querySelector("[data-live-state]");
  const moment = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  let lastTag = null;

  function inZone(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      time.textContent = moment.format(new Date(time.dateTime));
      time.title = time.dateTime;
    }
  }

  function replace(page) {
    for (const part of parts()) {
      const next = page.getElementById(part.id);
      if (!next || next.outerHTML === drawn.get(part.id)) continue;
      const opened = [...part.querySelectorAll("details[open]")].map((details) => details.id);
      drawn.set(part.id, next.outerHTML);
      const fresh = document.importNode(next, true);
      inZone(fresh);
      for (const id of opened) fresh.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
      part.replaceWith(fresh);
    }
    document.title = page.title;
  }

  async function refresh() {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const tag = answer.headers.get("ETag");
      if (tag === null || tag !== lastTag) replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
      lastTag = tag;
      if (status) status.textContent = "";
    } catch {
      if (status && !status.textContent) status.textContent = "The page can't be reached now: this may be old";
    }
  }

  inZone(document);
  const wanted = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
  const around = wanted?.closest("details");
  if (around) around.open = true;
  for (const zone of document.querySelectorAll("[data-zone]")) {
    zone.textContent = `Times are in your zone, ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
  }
  if (parts().length > 0) {
    setInterval(refresh, EVERY_MS);
    document.addEventListener("visibilitychange", refresh);
  }
})();
