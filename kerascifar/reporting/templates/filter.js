// Filters hide rows and folds, and dim what charts show of them. Without this script everything is shown.
{
  const about = new Map(Object.entries(JSON.parse(document.getElementById("about").textContent)));
  const form = document.querySelector(".board"), all = [...document.querySelectorAll("[data-row]")];
  const filter = () => {
    const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = [...form.querySelectorAll("select")].filter((select) => select.selectedIndex > 0);
    const full = form.elements.full && form.elements.full.checked;
    const fits = ([text, choices, shortened]) => !(full && shortened) && words.every((word) => text.includes(word))
      && chosen.every(({ name, value }) => !Object.hasOwn(choices, name) || choices[name] === value);
    for (const one of all) one.toggleAttribute("hidden", !fits(about.get(one.dataset.row)));
    for (const table of document.querySelectorAll("main table")) {
      const rows = [...table.tBodies[0].rows], shown = rows.filter((row) => !row.hidden).length;
      table.closest("figure").querySelector(".count").textContent = shown < rows.length ? ` ${shown} of ${rows.length} rows are shown.` : "";
    }
    const runs = [...about.keys()].filter((key) => /^\d+$/.test(key));
    form.querySelector(".status").textContent = `${runs.filter((key) => fits(about.get(key))).length} of ${runs.length} runs`;
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filter);
  form.hidden = false;
  document.documentElement.classList.add("js");
  // A row is one line until it is clicked.
  document.querySelector("main").addEventListener("click", ({ target }) => {
    const row = target.closest("section > .blocks > .table tbody tr");
    if (row && !target.closest("a")) row.classList.toggle("whole");
  });
  filter();
}
