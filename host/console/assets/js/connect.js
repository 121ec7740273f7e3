// Connecting: the tree of locations, secrets that can be looked at, forms that are sent once.
{
  // A secret that somebody types can be looked at.
  function secrets(root) {
    for (const button of root.querySelectorAll("[data-show]")) button.hidden = false;
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-show]");
    if (!button) return;
    const input = document.getElementById(button.dataset.show);
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!shown));
    button.textContent = shown ? "Show" : "Hide";
  });

  // A second click sends nothing twice.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button?.hasAttribute("data-once")) return;
    setTimeout(() => { button.disabled = true; });
    addEventListener("pageshow", () => { button.disabled = false; }, { once: true });
  });

  // An expression of one's own is chosen by writing it.
  document.getElementById("cron")?.addEventListener("input", () => {
    const own = document.querySelector('input[name="preset"][value="own"]');
    if (own) own.checked = true;
  });

  // ---- The tree: a holder's box stands for what is below it. What is not on the page is chosen by its select.
  const tree = document.getElementById("tree");
  const leaves = (root) => root.querySelectorAll('input[name="on"]');
  const wholes = (root) => root.querySelectorAll("select[data-whole]");

  function counts(root) {
    let chosen = 0, all = 0;
    for (const leaf of leaves(root)) { all += 1; if (leaf.checked) chosen += 1; }
    for (const whole of wholes(root)) {
      const of = Number(whole.dataset.whole);
      all += of;
      if (/^(rest-)?all:/.test(whole.value)) chosen += of;
      else if (whole.value.startsWith("keep:")) chosen += Number(whole.dataset.wholeChosen);
    }
    return [chosen, all];
  }

  function show(holder) {
    const box = holder.querySelector(":scope > [data-holder]");
    const [chosen, all] = counts(holder);
    box.checked = all > 0 && chosen === all;
    box.indeterminate = chosen > 0 && chosen < all;
    box.dataset.state = box.indeterminate ? "mixed" : box.checked ? "on" : "off";
    const count = holder.querySelector(":scope > details > summary > [data-count]");
    if (count) count.textContent = `${chosen} of ${all}`;
  }

  function total() {
    const place = document.querySelector("[data-total]");
    if (!place || !tree || document.querySelector('#tree-form input[name="q"]')?.value) return;
    const [chosen, all] = counts(tree);
    place.textContent = `${chosen} of ${all} locations chosen`;
  }

  function above(element) {
    for (let holder = element.closest(".holder"); holder; holder = holder.parentElement.closest(".holder")) show(holder);
  }

  function set_up(root) {
    for (const box of root.querySelectorAll("[data-holder]")) {
      box.hidden = false;
      box.indeterminate = box.dataset.state === "mixed";
      box.checked = box.dataset.state === "on";
    }
  }

  if (tree) {
    set_up(tree);
    total();
    tree.addEventListener("change", (event) => {
      const box = event.target;
      if (box.matches("[data-holder]")) {
        const holder = box.closest(".holder");
        for (const leaf of leaves(holder)) leaf.checked = box.checked;
        for (const whole of wholes(holder)) {
          const wish = [...whole.options].find((one) => (box.checked ? /^(rest-)?all:/ : /^(rest-)?none:/).test(one.value));
          if (wish) whole.value = wish.value;
        }
        for (const inner of holder.querySelectorAll(".holder")) show(inner);
      }
      above(box);
      total();
    });

    // A part that is not on the page is fetched from the page on which it is.
    tree.addEventListener("click", async (event) => {
      const link = event.target.closest("a[data-lazy]");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      const holder = document.getElementById(link.dataset.lazy);
      link.setAttribute("aria-busy", "true");
      try {
        const answer = await fetch(link.href, { credentials: "same-origin" });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById(link.dataset.lazy);
        if (!answer.ok || !fresh) throw new Error();
        // What was wished for the whole of it holds for its parts.
        const wish = holder.querySelector(":scope > details > .whole select")?.value ?? "";
        const open = document.createElement("input");
        Object.assign(open, { type: "hidden", name: "open", value: holder.querySelector(":scope > details > .whole select option")?.value.replace(/^keep:/, "") ?? "" });
        const put = document.importNode(fresh, true);
        holder.replaceWith(put);
        document.getElementById("tree-form").prepend(open);
        set_up(put);
        if (/^(all|none):/.test(wish)) {
          const box = put.querySelector("[data-holder]");
          box.checked = wish.startsWith("all:");
          box.dispatchEvent(new Event("change", { bubbles: true }));
        }
        above(put);
        put.querySelector("summary")?.focus();
      } catch {
        location.href = link.href;
      }
    });
  }

  secrets(document);
  document.addEventListener("live:replaced", (event) => {
    secrets(event.detail);
    // An attempt that ended is said, and its page has a heading to go on from.
    const ended = event.detail.id === "attempt" && event.detail.querySelector("#ended");
    if (ended) announce(ended.textContent);
  });
}
