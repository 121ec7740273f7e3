// The queue: filters that apply themselves, selection, the detail pane, keys. Without it the page has an Apply
// button, a form below the list, and a page for each issue.
{
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const list = $("#queue"), pane = $("#pane"), form = $("#bulk");
  const filters = $("form.filters");
  const rows = () => all("tr[data-issue]", list);

  // What opens below a button closes when something else is meant.
  const drops = () => all("details.drop[open]");
  document.addEventListener("click", (event) => {
    for (const one of drops()) if (!one.contains(event.target)) one.open = false;
  });
  document.addEventListener("toggle", (event) => {
    const one = event.target;
    if (!(one instanceof HTMLDetailsElement) || !one.matches(".drop") || !one.open) return;
    for (const other of drops()) if (other !== one && !other.contains(one)) other.open = false;
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const one of drops()) {
      one.open = false;
      $("summary", one)?.focus();
      event.stopImmediatePropagation();
    }
  });

  // An address has no empty parameters. "More filters" has the same fields for all browsers, so the form says all.
  if (filters) {
    document.documentElement.classList.add("has-js");
    filters.addEventListener("submit", () => {
      for (const field of filters.elements) if (field.name && !field.value) field.disabled = true;
      setTimeout(() => { for (const field of filters.elements) field.disabled = false; }, 0);
    });
  }

  // Copying an address needs the whole of it.
  const copies = (root) => {
    for (const button of all("[data-copy-address]", root)) {
      button.dataset.copy = new URL(button.dataset.copyAddress, location.href).href;
    }
    if (navigator.clipboard) for (const button of all("[data-copy]", root)) button.hidden = false;
  };
  copies(document);

  if (list) {
    // ---- Selection: what is done with the chosen appears when some are.
    const bar = $("#bulk-bar"), count = $("#bulk-count"), every = $("#pick-all");
    const picks = () => all('input[name="issue"]', list);
    let said = 0;
    function counted() {
      const chosen = picks().filter((one) => one.checked).length;
      if (!bar) return;
      bar.hidden = chosen === 0;
      bar.classList.toggle("floating", chosen > 0);
      count.textContent = chosen === 1 ? "1 chosen issue" : `${chosen} chosen issues`;
      if (every) {
        every.checked = chosen > 0 && chosen === picks().length;
        every.indeterminate = chosen > 0 && chosen < picks().length;
      }
      if (chosen !== said) announce(chosen === 0 ? "Nothing chosen" : count.textContent);
      said = chosen;
    }
    if (bar) {
      bar.hidden = picks().every((one) => !one.checked);
      if (every) {
        every.hidden = false;
        every.addEventListener("change", () => {
          for (const one of picks()) one.checked = every.checked;
          counted();
        });
      }
      // From one to another with Shift.
      let last = null;
      list.addEventListener("click", (event) => {
        const one = event.target.closest('input[name="issue"]');
        if (!one) return;
        if (event.shiftKey && last) {
          const order = picks();
          const [from, to] = [order.indexOf(last), order.indexOf(one)].sort((a, b) => a - b);
          for (const between of order.slice(from, to + 1)) between.checked = one.checked;
        }
        last = one;
        counted();
      });
    }

    // ---- The pane: the page of the issue, its article, beside the list.
    let from = null, asked = 0;
    const number = (row) => Number(row.dataset.issue);
    const link = (row) => $("th.what a", row);
    const here = (id) => {
      const address = new URL(location.href);
      if (id) address.searchParams.set("open", id); else address.searchParams.delete("open");
      return address.pathname + address.search;
    };
    async function open(row, focus) {
      const mine = ++asked;
      from = link(row);
      let answer;
      try {
        answer = await fetch(from.href, { headers: { accept: "text/html" }, credentials: "same-origin" });
      } catch {
        location.assign(from.href);
        return;
      }
      if (mine !== asked) return;
      const article = answer.ok && !answer.redirected && $("article#issue", new DOMParser().parseFromString(await answer.text(), "text/html"));
      if (!article) { location.assign(from.href); return; }
      if (mine !== asked) return;
      const close = document.createElement("button");
      close.type = "button";
      close.className = "close";
      close.textContent = "Close";
      close.addEventListener("click", shut);
      const fresh = document.importNode(article, true);
      const whole = document.createElement("p");
      const page = document.createElement("a");
      page.href = from.href;
      page.textContent = "Open as a page";
      whole.append(page);
      // One h1 a page: the pane's heading is one below.
      const old = $("h1", fresh), heading = document.createElement("h2");
      heading.id = old.id;
      heading.tabIndex = -1;
      heading.append(...old.childNodes);
      old.replaceWith(heading);
      // Forms of the pane come back to the list.
      const back = here(number(row));
      for (const field of all('input[name="next"]', fresh)) field.value = back;
      pane.setAttribute("aria-label", `Issue OX-${number(row)}`);
      pane.replaceChildren(close, fresh, whole);
      pane.hidden = false;
      pane.scrollTop = 0;
      list.classList.add("split");
      for (const one of rows()) one.classList.toggle("open", one === row);
      copies(pane);
      history.replaceState(null, "", back);
      if (focus) heading.focus({ preventScroll: true });
      row.scrollIntoView({ block: "nearest" });
    }
    function shut() {
      if (pane.hidden) return;
      asked++;
      pane.hidden = true;
      pane.replaceChildren();
      list.classList.remove("split");
      for (const one of rows()) one.classList.remove("open");
      history.replaceState(null, "", here(null));
      from?.focus();
    }
    list.addEventListener("click", (event) => {
      const a = event.target.closest("th.what > a");
      const row = a?.closest("tr[data-issue]");
      if (!row || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      if (matchMedia("(max-width: 40rem)").matches) return;
      event.preventDefault();
      current(row);
      open(row, true);
    });

    // ---- Keys.
    let at = null;
    function current(row) {
      at?.removeAttribute("data-current");
      at = row;
      at?.setAttribute("data-current", "");
    }
    function step(by) {
      const order = rows();
      if (!order.length) return;
      const next = order[Math.min(order.length - 1, Math.max(0, order.indexOf(at) + by))] ?? order[0];
      current(next);
      if (pane.hidden) link(next).focus(); else open(next, false);
      next.scrollIntoView({ block: "nearest" });
    }
    function field(id) {
      if (at && bar && picks().every((one) => !one.checked)) {
        $('input[name="issue"]', at).checked = true;
        counted();
      }
      if (!bar || bar.hidden) return;
      document.getElementById(id)?.focus();
    }
    const off = $("#keys-off"), help = $("#keys"), button = $("#keys-button");
    const kept = "ox-single-keys";
    const isOff = () => { try { return localStorage.getItem(kept) === "off"; } catch { return false; } };
    off.checked = isOff();
    off.addEventListener("change", () => {
      try { localStorage.setItem(kept, off.checked ? "off" : "on"); } catch { /* It is so until the page is left. */ }
    });
    button.hidden = false;
    button.addEventListener("click", () => help.showModal());
    const typing = (target) => target.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !help.open && !typing(event.target)) { shut(); return; }
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target) || help.open || isOff() || off.checked) return;
      const act = {
        j: () => step(1),
        k: () => step(-1),
        x: () => { const one = at && $('input[name="issue"]', at); if (one) { one.checked = !one.checked; counted(); } },
        a: () => field("bulk-to"),
        e: () => field("bulk-why"),
        "/": () => $("#filter-text")?.focus(),
        "?": () => help.showModal(),
        Enter: () => { if (at && !event.target.closest("a, button, summary, input")) open(at, true); else return false; },
      }[event.key];
      if (!act || act() === false) return;
      event.preventDefault();
    });

    // What the address says is open.
    const wanted = new URL(location.href).searchParams.get("open");
    const row = wanted && rows().find((one) => one.dataset.issue === wanted);
    if (row && !matchMedia("(max-width: 40rem)").matches) { current(row); open(row, false); }
    counted();

    // ---- The queue changed: a line says so, the rows stay where they are.
    const bell = $("#queue-changed");
    if (bell && window.EventSource) {
      let told = false;
      const ring = () => {
        if (told) return;
        told = true;
        const again = document.createElement("a");
        again.className = "button";
        again.href = location.href;
        again.textContent = "Refresh";
        bell.replaceChildren("The queue changed since this list was loaded.", again);
        bell.hidden = false;
        source.close();
      };
      const source = new EventSource("/events");
      const hear = (event) => {
        try {
          const { topic } = JSON.parse(event.data);
          if (topic === "queue" || topic === "missed") ring();
        } catch { /* Not an event of ours. */ }
      };
      source.addEventListener("change", hear);
      addEventListener("pagehide", () => source.close());
    }
  }
}
