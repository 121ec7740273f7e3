// Live parts of pages. Nothing depends on them: without this script a page is as old as it was loaded.
//
//   <section id="runs-part" data-live="run connection">     follows every run and every connection
//   <div id="run-head" data-live="run:17">                  follows run 17
//   <div id="attempt" data-live="verify:ab12" data-poll="2000">   besides, looks again after so many milliseconds
//
// The server sends what changed over /events (an EventSource; it goes on behind the last event it saw). When one
// of them concerns a part, the page it stands on is fetched again and the element of the same id takes its place.
// Every part needs an id; parts do not lie in each other. A burst of events is one fetch (300 ms), and a page has
// one fetch at a time.
//
// A part is never replaced under somebody's hand: while the pointer is over one of its controls or rows, while the
// focus is inside, or while something in it was filled in, it shows a button "New data, refresh" instead, and is
// replaced when that is pressed or the pointer leaves. Folds that were open stay open.
//
// The topics are run, run-line, verify, queue, connection, plugin, advisories. "missed" concerns every part.
// A script that has to set up what is inside listens for the event "live:replaced" on document (detail: the element).
{
  const wait = 300;
  const concerned = new Set();
  let source, timer, fetching = false, last = "";

  const parts = () => [...document.querySelectorAll("[data-live][id]")];
  const follows = (part, topic, subject) =>
    part.dataset.live.split(/\s+/).some((word) => word === topic || word === `${topic}:${subject}`);

  // Somebody is busy with it.
  function busy(part) {
    const focus = document.activeElement;
    if (focus && focus !== document.body && part.contains(focus)) return true;
    if (part.querySelector(":is(tr, li, a, button, input, select, textarea, summary, label):hover")) return true;
    for (const one of part.querySelectorAll("input, textarea")) {
      if (one.type === "checkbox" || one.type === "radio" ? one.checked !== one.defaultChecked : one.type !== "hidden" && one.value !== one.defaultValue) return true;
    }
    return false;
  }

  function offer(part) {
    if (part.querySelector(":scope > .fresh")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "fresh";
    button.textContent = "New data, refresh";
    button.addEventListener("click", () => refresh([part.id], true));
    part.prepend(button);
    part.addEventListener("pointerleave", () => { if (!busy(part)) refresh([part.id], false); }, { once: true });
  }

  function replace(part, fresh) {
    const open = [...part.querySelectorAll("details")].map((one) => one.open);
    const scrolled = [...part.querySelectorAll(".log")].map((one) => one.scrollTop);
    fresh.querySelectorAll("details").forEach((one, at) => { if (at in open) one.open = open[at] || one.open; });
    part.replaceWith(fresh);
    fresh.querySelectorAll(".log").forEach((one, at) => { one.scrollTop = scrolled[at] ?? one.scrollHeight; });
    document.dispatchEvent(new CustomEvent("live:replaced", { detail: fresh }));
  }

  async function refresh(ids, asked) {
    if (fetching) { ids.forEach((id) => concerned.add(id)); schedule(); return; }
    fetching = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, credentials: "same-origin" });
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const id of ids) {
        const part = document.getElementById(id), fresh = page.getElementById(id);
        if (!part || !fresh || !part.dataset.live) continue;
        part.querySelector(":scope > .fresh")?.remove();
        if (part.isEqualNode(fresh)) continue;
        if (!asked && busy(part)) offer(part);
        else replace(part, document.importNode(fresh, true));
      }
    } catch {
      // The server is away; the event source comes back by itself.
    } finally {
      fetching = false;
      poll();
    }
  }

  function schedule() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const ids = [...concerned];
      concerned.clear();
      if (ids.length) refresh(ids, false);
    }, wait);
  }

  function heard(event) {
    last = event.lastEventId || last;
    let topic, subject;
    try { ({ topic, subject } = JSON.parse(event.data)); } catch { return; }
    for (const part of parts()) {
      if (topic === "missed" || follows(part, topic, subject)) concerned.add(part.id);
    }
    if (concerned.size) schedule();
  }

  // A browser has few connections to one host, so a page that nobody sees gives its own back.
  function listen() {
    if (source || document.hidden || !parts().length || !window.EventSource) return;
    const after = last || document.documentElement.dataset.seq || "";
    source = new EventSource(after ? `/events?after=${encodeURIComponent(after)}` : "/events");
    source.addEventListener("change", heard);
  }
  function rest() { source?.close(); source = undefined; }

  let polling;
  function poll() {
    clearTimeout(polling);
    const polled = parts().filter((part) => part.dataset.poll);
    if (!polled.length || document.hidden) return;
    const pause = Math.max(1000, Math.min(...polled.map((part) => Number(part.dataset.poll) || 5000)));
    polling = setTimeout(() => refresh(polled.map((part) => part.id), false), pause);
  }

  document.addEventListener("visibilitychange", () => { if (document.hidden) rest(); else { listen(); poll(); } });
  addEventListener("pagehide", rest);
  addEventListener("pageshow", () => { listen(); poll(); });
  listen();
  poll();
}
