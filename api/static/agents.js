// Steps through the events of an agent's run by keys, plays them at the pace at which they happened, and adds those that come.
// What has come is drawn by the server: it is asked for what follows the last event that stands here, so none is missed and
// none comes twice. The page can be read without this file.
(() => {
  "use strict";
  const MOST = 1000; // events that stand here at a time; the earliest make room
  const OVERLAP = 20; // events asked for again, since what follows an event says how long it lasted
  const TICK_MS = 100;
  const END = Number.MAX_SAFE_INTEGER;
  const list = document.getElementById("events");
  const path = list.dataset.path;
  const position = document.getElementById("position");
  const play = document.getElementById("play");
  const speed = document.getElementById("speed");
  const keys = document.getElementById("keys");
  const keysOn = document.getElementById("keys-on");
  let current = list.querySelector("[aria-current]");
  let asking = null;
  let ticking = null;
  let playhead = 0;
  let tickedAt = 0;

  const seqOf = (item) => Number(item.id.slice(4));
  const itemOf = (seq) => document.getElementById(`seq-${seq}`);
  const atOf = (item) => Number(item.dataset.at);
  const critical = () => document.getElementById("track").dataset.critical;
  const goesOn = () => "later" in list.dataset;

  function offset(ms) {
    const seconds = Math.floor(ms / 1000);
    const two = (number) => String(number).padStart(2, "0");
    if (seconds < 60) return `${(ms / 1000).toFixed(1)} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)}:${two(seconds % 60)} min`;
    return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)} h`;
  }

  function tell() {
    if (!current) return;
    const wait = ticking && current.nextElementSibling ? atOf(current.nextElementSibling) - playhead : 0;
    const next = wait > 1500 * Number(speed.value) ? ` · next in ${offset(wait / Number(speed.value))}` : "";
    position.textContent = `#${seqOf(current)} · +${offset(atOf(current))}${next}`;
    const svg = document.querySelector("svg.track");
    const whole = Number(svg?.dataset.whole);
    const at = Math.min(1000, (1000 * atOf(current)) / whole);
    if (whole) svg.querySelector(".cursor").setAttribute("d", `M${at.toFixed(1)} 0V${svg.viewBox.baseVal.height}`);
  }

  function show(item, { focus = true } = {}) {
    if (!item) return;
    current?.removeAttribute("aria-current");
    current = item;
    item.setAttribute("aria-current", "true");
    if (focus) item.focus({ preventScroll: true });
    item.scrollIntoView({ block: "nearest" });
    history.replaceState(history.state, "", `#${item.id}`);
    tell();
  }

  // An event that stands here, else the page that has it.
  function lead(seq) {
    if (itemOf(seq)) show(itemOf(seq));
    else location.assign(`${path}?go=${seq}`);
  }

  function look() {
    const from = list.children[list.children.length - OVERLAP];
    list.dataset.liveFrom = `${path}?after_seq=${goesOn() ? END : from ? seqOf(from) - 1 : firstAfter()}`;
    const critically = critical();
    for (const item of list.children) item.classList.toggle("critical", item.id === `seq-${critically}`);
  }

  function firstAfter() {
    return list.firstElementChild ? seqOf(list.firstElementChild) - 1 : 0;
  }

  function add(page) {
    const fresh = page.getElementById("events");
    if (!fresh) return;
    const last = list.lastElementChild ? seqOf(list.lastElementChild) : 0;
    const followed = document.getElementById("after").getBoundingClientRect().top < innerHeight + 40 && !ticking;
    for (const item of fresh.children) {
      const known = itemOf(seqOf(item));
      if (known) known.querySelector(".when").replaceWith(document.importNode(item.querySelector(".when"), true));
      else if (seqOf(item) > last) list.append(document.importNode(item, true));
    }
    if ("later" in fresh.dataset) list.dataset.later = "";
    else delete list.dataset.later;
    makeRoom();
    list.dataset.total = fresh.dataset.total;
    document.getElementById("after").replaceWith(document.importNode(page.getElementById("after"), true));
    if (list.children.length) document.getElementById("none")?.remove();
    say();
    if (followed && list.lastElementChild && seqOf(list.lastElementChild) > last) list.lastElementChild.scrollIntoView({ block: "nearest" });
  }

  function makeRoom() {
    let gone = 0;
    while (list.children.length > MOST && list.firstElementChild !== current) {
      list.firstElementChild.remove();
      gone += 1;
    }
    if (gone === 0) return;
    list.dataset.before = String(Number(list.dataset.before) + gone);
    const first = seqOf(list.firstElementChild);
    const before = document.getElementById("before");
    let earlier = before.querySelector("[rel=prev]");
    if (!earlier) {
      earlier = Object.assign(document.createElement("a"), { className: "button small", rel: "prev", textContent: "Earlier" });
      before.prepend(earlier);
    }
    earlier.href = `${path}?seq=${first}#seq-${first}`;
  }

  function say() {
    const before = Number(list.dataset.before);
    const number = new Intl.NumberFormat("en-GB");
    const shown = [before + 1, before + list.children.length, Number(list.dataset.total)].map((each) => number.format(each));
    document.getElementById("range").textContent = list.children.length ? `${shown[0]} to ${shown[1]} of ${shown[2]}` : "";
  }

  // What follows the last event here.
  async function more() {
    asking ??= (async () => {
      const after = list.lastElementChild ? seqOf(list.lastElementChild) : 0;
      const answer = await fetch(`${path}?after_seq=${after}`, { headers: { Accept: "text/html", "X-Live": "1" } });
      if (answer.redirected) location.reload();
      if (answer.ok) add(new DOMParser().parseFromString(await answer.text(), "text/html"));
      look();
    })().catch(() => {});
    await asking;
    asking = null;
  }

  async function forward(how) {
    let next = current ? current.nextElementSibling : list.firstElementChild;
    if (!next && goesOn()) {
      await more();
      next = current?.nextElementSibling;
    }
    show(next, how);
    return Boolean(next);
  }

  function back() {
    const before = current?.previousElementSibling;
    const earlier = document.querySelector("#before [rel=prev]");
    if (before || !current) show(before ?? list.lastElementChild);
    else if (earlier) location.assign(earlier.href);
  }

  function first() {
    if (document.querySelector("#before [rel=prev]")) location.assign(`${path}?go=0`);
    else show(list.firstElementChild);
  }

  function last() {
    if (goesOn()) location.assign(`${path}?go=${END}`);
    else show(list.lastElementChild);
  }

  function unfold() {
    const details = [...(current?.querySelectorAll("details") ?? [])];
    const open = !details.some((each) => each.open);
    for (const each of details) each.open = open;
  }

  async function tick() {
    const now = performance.now();
    playhead += (now - tickedAt) * Number(speed.value);
    tickedAt = now;
    let next = current.nextElementSibling;
    let moved = null;
    while (next && atOf(next) <= playhead) {
      moved = next;
      next = next.nextElementSibling;
    }
    if (moved) show(moved, { focus: false });
    if (!next && goesOn() && !asking) await more();
    else if (!next && !goesOn()) stop();
    tell();
  }

  function stop() {
    clearInterval(ticking);
    ticking = null;
    play.textContent = "Play";
    play.setAttribute("aria-pressed", "false");
    tell();
  }

  function start() {
    if (!current || (!current.nextElementSibling && !goesOn())) show(list.firstElementChild, { focus: false });
    if (!current) return;
    playhead = atOf(current);
    tickedAt = performance.now();
    play.textContent = "Stop";
    play.setAttribute("aria-pressed", "true");
    ticking = setInterval(tick, TICK_MS);
  }

  const toggle = () => (ticking ? stop() : start());
  const DEEDS = {
    j: () => forward(), ArrowDown: () => forward(), k: back, ArrowUp: back, Home: first, End: last, p: toggle, Enter: unfold,
    c: () => critical() && lead(critical()),
  };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
    const free = event.target === document.body || event.target.classList.contains("event");
    if (event.key === "?" && !event.target.matches("input, select, textarea")) keys.showModal();
    else if (!keysOn.checked || !DEEDS[event.key] || !(free || (event.key.length === 1 && !event.target.matches("input, select, textarea")))) return;
    else DEEDS[event.key]();
    event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href*='#seq-']");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && !link.matches("[rel]")) {
      event.preventDefault();
      lead(link.hash.slice(5));
    }
    const line = event.target.closest("svg.track");
    if (line && Number(line.dataset.whole)) {
      const box = line.getBoundingClientRect();
      const at = Math.round(((event.clientX - box.left) / box.width) * Number(line.dataset.whole));
      const before = [...list.children].filter((item) => atOf(item) <= at);
      const here = before.length > 0 && (before.length < list.children.length || !goesOn());
      if (here && (before.length > 1 || Number(list.dataset.before) === 0)) show(before.at(-1));
      else location.assign(`${path}?at=${at}`);
    }
  });

  document.addEventListener("looked", async (event) => {
    if (!goesOn() && !asking) {
      add(event.detail);
      let stood = 0; // more than one answer holds: what is left, until there is none or no answer
      while (goesOn() && stood !== seqOf(list.lastElementChild)) {
        stood = seqOf(list.lastElementChild);
        await more();
      }
    }
    look();
    tell();
  });

  play.addEventListener("click", toggle);
  document.getElementById("to-keys").addEventListener("click", () => keys.showModal());
  try {
    keysOn.checked = localStorage.getItem("agent-keys") !== "off";
  } catch {
    // a browser that keeps nothing: they are on
  }
  keysOn.addEventListener("change", () => {
    try {
      localStorage.setItem("agent-keys", keysOn.checked ? "on" : "off");
    } catch {
      // for this page alone
    }
  });

  function arrive() {
    const wanted = /^#seq-(\d+)$/.exec(location.hash)?.[1];
    if (!wanted) return;
    if (itemOf(wanted)) show(itemOf(wanted));
    else if (!new URLSearchParams(location.search).has("seq")) location.replace(`${path}?go=${wanted}`);
  }

  list.classList.add("stepped");
  document.getElementById("player").hidden = false;
  addEventListener("hashchange", arrive);
  arrive();
  look();
  tell();
})();
