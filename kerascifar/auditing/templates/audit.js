// The lists: choose, filter, leaf through, go through them by keys, and mark.
{
  const { data } = Marks, { el, make } = Cards, PER_PAGE = 24;
  const find = (selector) => document.querySelector(selector);
  const records = ({ names, rows }) => rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]])));
  const pairs = records(data.pairs).map((of, row) => ({
    kind: "pair", key: `pair ${of.a_split}/${of.a_index} ${of.b_split}/${of.b_index}`, of, row, between: data.between[row],
    numbers: [of.a_index, of.b_index], files: [of.a_file, of.b_file], classes: [of.a_label, of.b_label],
  }));
  const single = (kind) => (of, row) => ({
    kind, key: `${kind} ${of.split}/${of.index}`, of, row, between: of.split, numbers: [of.index], files: [of.file],
    classes: [of.given, of.proposed],
  });
  const labels = records(data.labels).map(single("label")), pictures = records(data.pictures).map(single("picture"));
  const all = [...pairs, ...labels, ...pictures];

  // A filter: its name, and the choices that a finding belongs to.
  const marked = ["mark", ({ key }) => [Marks.get(key) || "no mark"], ["no mark", "agree", "disagree"]];
  const classes = ["class", (one) => [...new Set(one.classes)]];
  const KINDS = {
    pair: { title: "Pairs", all: pairs, filters: [
      ["verdict", ({ of }) => [of.verdict], data.verdicts], classes, ["splits", (one) => [one.between]],
      ["labels", ({ of }) => [of.a_label === of.b_label ? "same label" : "two labels"], ["same label", "two labels"]], marked] },
    label: { title: "Labels", all: labels, filters: [
      ["verdict", ({ of }) => [of.suspect ? "suspect" : "not suspect", ...(of.contradiction ? ["contradiction"] : [])],
        ["suspect", "not suspect", "contradiction"]],
      classes, ["given", ({ of }) => [of.given]], ["split", (one) => [one.between]], marked] },
    picture: { title: "Odd pictures", all: pictures, filters: [["split", (one) => [one.between]], ["what", ({ of }) => [of.what]], marked] },
  };
  const [list, form, status] = [find(".cards"), find(".filters"), find(".status")];
  const open = new Map(Object.keys(KINDS).map((kind) => [kind, { at: 0, chosen: {} }]));
  let kind = Object.keys(KINDS).find((one) => KINDS[one].all.length) || "pair", shown = [];

  const choices = ([name, of, order]) => {
    const counts = new Map((order || []).map((one) => [one, 0]));
    for (const one of KINDS[kind].all) for (const choice of of(one)) counts.set(choice, (counts.get(choice) || 0) + 1);
    const names = order ? [...counts.keys()] : [...counts.keys()].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    // Counts of marks change while one goes on, so only the fixed ones are told.
    return names.map((one) => el("option", { value: one }, name === "mark" ? one : `${one} (${counts.get(one)})`));
  };
  const drawFilters = () => {
    const { chosen } = open.get(kind);
    form.replaceChildren(...KINDS[kind].filters.map((filter) => {
      const select = el("select", { name: filter[0] }, el("option", { value: "" }, "all"), ...choices(filter));
      // The first option means all; a class may bear any name, so choices are told apart by place.
      select.selectedIndex = chosen[filter[0]] || 0;
      return el("label", {}, filter[0], select);
    }), el("label", {}, "index or file", el("input", { type: "search", name: "text", value: chosen.text || "", autocomplete: "off" })));
  };
  const filter = () => {
    const { chosen } = open.get(kind), text = (chosen.text || "").trim().toLowerCase();
    const tests = KINDS[kind].filters.flatMap(([name, of]) => {
      const select = form.elements.namedItem(name), value = select.options[select.selectedIndex].value;
      return select.selectedIndex > 0 ? [(one) => of(one).includes(value)] : [];
    });
    if (text) tests.push(({ numbers, files }) => numbers.some((n) => String(n) === text) || files.some((f) => f && f.toLowerCase().includes(text)));
    shown = KINDS[kind].all.filter((one) => tests.every((test) => test(one)));
  };

  const drawStatus = () => {
    const total = KINDS[kind].all.length, marks = shown.filter((one) => Marks.get(one.key)).length;
    status.textContent = `${shown.length === total ? total : `${shown.length} of ${total}`} shown, ${marks} of them marked`;
    find("#export").disabled = !all.some((one) => Marks.get(one.key));
    find(".warning").hidden = Marks.works();
    if (!Marks.works()) find(".warning").textContent = "This browser keeps nothing for this page: export your marks before you close it.";
  };
  const drawMark = (card, one) => {
    const mark = Marks.get(one.key);
    card.dataset.mark = mark;
    card.setAttribute("aria-label", `${one.place} of ${shown.length}: ${card.dataset.told}${mark ? `; marked ${mark}` : ""}`);
    for (const button of card.querySelectorAll(".marks [aria-pressed]")) button.setAttribute("aria-pressed", String(button.value === mark));
    card.querySelector(".unmark").disabled = !mark;
  };
  const drawCard = (one, place) => {
    one.place = place + 1;
    const { title, badges, lines, told, large } = make[one.kind](one.of, one.row);
    const button = (value, words) => {
      const made = el("button", { type: "button", className: value, value }, words);
      if (value !== "unmark") made.setAttribute("aria-pressed", "false");
      made.addEventListener("click", () => mark(place, value === "unmark" ? "" : value));
      return made;
    };
    const strong = ["two labels", "suspect", "contradiction"];
    const card = el("article", { tabIndex: place === open.get(kind).at ? 0 : -1, className: `${large ? "large" : ""} ${Object.keys(data.shots).length ? "" : "bare"}` },
      el("div", { className: "head" }, el("h3", {}, title),
        ...badges.filter(Boolean).map((words) => el("span", { className: `badge${strong.includes(words) ? " strong" : ""}` }, words))),
      ...lines, el("div", { className: "marks" }, button("agree", "✓ Agree"), button("disagree", "✗ Disagree"), button("unmark", "Unmark")));
    Object.assign(card.dataset, { place, told: `${title}, ${told}` });
    drawMark(card, one);
    card.addEventListener("focusin", () => choose(place));
    return el("li", {}, card);
  };
  // Only one page of cards is in the document at a time.
  const draw = () => {
    const pages = Math.max(1, Math.ceil(shown.length / PER_PAGE)), state = open.get(kind);
    state.at = Math.max(0, Math.min(state.at, shown.length - 1));
    const page = Math.floor(state.at / PER_PAGE), first = page * PER_PAGE;
    list.start = first + 1;
    list.replaceChildren(...shown.slice(first, first + PER_PAGE).map((one, i) => drawCard(one, first + i)));
    find(".where").textContent = `page ${page + 1} of ${pages}`;
    [find("#back").disabled, find("#forth").disabled] = [page === 0, page === pages - 1];
    find(".pager").hidden = pages === 1;
    drawStatus();
  };
  const cardAt = (place) => list.querySelector(`article[data-place="${place}"]`);
  const choose = (place) => {
    const before = cardAt(open.get(kind).at), now = cardAt(place);
    if (before) before.tabIndex = -1;
    if (now) now.tabIndex = 0;
    open.get(kind).at = place;
  };
  const go = (place) => {
    if (place < 0 || place >= shown.length) return;
    if (!cardAt(place)) { open.get(kind).at = place; draw(); }
    const card = cardAt(place);
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest" });
  };
  const mark = (place, value) => {
    Marks.set(shown[place].key, value);
    drawMark(cardAt(place), shown[place]);
    drawStatus();
    const onward = value && find("#onward").checked && place + 1 < shown.length;
    // A button that was just switched off would take the focus with it.
    if (onward) go(place + 1); else if (!value) cardAt(place).focus({ preventScroll: true });
  };

  const leaf = (step) => {
    const first = (Math.floor(open.get(kind).at / PER_PAGE) + step) * PER_PAGE;
    go(Math.max(0, Math.min(first, shown.length - 1)));
  };
  const start = (which) => {
    kind = which;
    for (const button of find(".kinds").children) button.setAttribute("aria-pressed", String(button.value === kind));
    drawFilters();
    filter();
    draw();
  };
  find(".kinds").append(...Object.entries(KINDS).map(([value, { title, all: some }]) => {
    const button = el("button", { type: "button", value, disabled: !some.length }, `${title} (${some.length.toLocaleString("en")})`);
    button.addEventListener("click", () => start(value));
    return button;
  }));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", ({ target }) => {
    const state = open.get(kind);
    state.chosen[target.name] = target.name === "text" ? target.value : target.selectedIndex;
    state.at = 0;
    filter();
    draw();
  });
  find("#back").addEventListener("click", () => leaf(-1));
  find("#forth").addEventListener("click", () => leaf(1));
  find("#export").addEventListener("click", () => Marks.save(all));

  const STEPS = { j: 1, arrowright: 1, arrowdown: 1, k: -1, arrowleft: -1, arrowup: -1 }, MARKS = { a: "agree", d: "disagree", u: "" };
  document.addEventListener("keydown", (event) => {
    const { target, key, ctrlKey, altKey, metaKey } = event, low = key.toLowerCase(), at = open.get(kind).at;
    if (!find("#letters").checked || ctrlKey || altKey || metaKey || target.matches("input, select")) return;
    const inList = list.contains(target);
    // Elsewhere up and down scroll the page, and every key is left to what has the focus.
    if (!(inList || target === document.body || (find("#look").contains(target) && !/^arrow/.test(low)))) return;
    if (low in STEPS && (inList || !/^arrow(up|down)$/.test(low))) {
      event.preventDefault();
      go(inList ? at + STEPS[low] : at);
    } else if (low in MARKS && shown.length && cardAt(at) && (inList || target === document.body)) {
      event.preventDefault();
      if (!inList) go(at); else mark(at, MARKS[low]);
    }
  });
  addEventListener("storage", ({ key }) => {
    if (key !== Marks.place && key !== null) return;
    Marks.read();
    for (const card of list.querySelectorAll("article")) drawMark(card, shown[card.dataset.place]);
    drawStatus();
  });
  start(kind);
}
