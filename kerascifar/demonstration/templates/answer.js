"use strict";
// One net's answer: the picture as it sees it, its five likeliest classes, and what the answer hangs on.
const Answer = (() => {
  const said = (net, row) => {
    const [first] = Explain.best(row, 1);
    return `${net.classes[first]}, ${percent(row[first])}`;
  };

  const bars = (net, row) => el("ol", { class: "bars" }, ...Explain.best(row, 5).map((index) => {
    const fill = el("div");
    fill.style.width = `${100 * row[index]}%`;
    return el("li", {}, el("span", { class: "name" }, net.classes[index]), el("span", { class: "share" }, percent(row[index])),
      el("div", { class: "track", "aria-hidden": "true" }, fill));
  }));

  const hint = (net, row, image) => {
    const sure = Math.max(...row), found = net.hints.find(({ below }) => sure < below);
    if (Explain.spread(image) < Page.flat) return "The picture is nearly of one colour: there is nothing to recognise.";
    return found ? found.text : "";
  };

  const picture = (canvas, label, caption) => {
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
    return el("figure", {}, canvas, el("figcaption", {}, caption));
  };

  // The part of the page for one net, and the places in it that are filled later.
  const begin = (net, row, ms, image) => {
    const { side } = net, text = hint(net, row, image);
    const pictures = el("div", { class: "pictures" }, picture(paint(el("canvas"), image, side),
      `The picture as the net sees it, ${side} by ${side} pixels`, `what the net sees: ${side}\u00a0×\u00a0${side}`));
    const views = el("div", { class: "views" });
    const hinted = el("p", { class: "hint" }, text);
    hinted.hidden = !text;
    return { pictures, views, hinted, part: el("article", { "aria-label": net.name },
      el("h3", {}, net.name, " ", el("small", {}, net.run)), el("p", { class: "facts" }, net.line),
      el("p", { class: "said" }, el("strong", {}, said(net, row))),
      hinted, bars(net, row), el("p", { class: "facts" }, `answered in ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`), pictures, views) };
  };

  const mapped = (net, row, image, patches, rows) => {
    const { side } = net, [first] = Explain.best(row, 1), drops = rows.map((covered) => row[first] - covered[first]);
    const heat = Explain.heat(drops, side, patches), most = Math.max(...drops), top = Math.max(...heat, 1e-9);
    const grey = Uint8Array.from({ length: 3 * side * side }, (_, i) => {
      const at = 3 * Math.floor(i / 3);
      return 0.25 * (image[at] + image[at + 1] + image[at + 2]) / 3 + 160;
    });
    const decides = most >= Page.least_drop;
    // The picture's own colours where it matters, pale grey where it does not.
    const mixed = grey.map((value, i) => {
      const weight = decides ? Math.max(0, heat[Math.floor(i / 3)]) / top : 0;
      return weight * image[i] + (1 - weight) * value;
    });
    const where = Explain.place(patches.corners[drops.indexOf(most)], patches.size, side);
    const text = decides
      ? `Covering ${where} costs most: ${net.classes[first]} falls from ${percent(row[first])} to ${percent(row[first] - most)}.`
      : "Covering any one part changes little.";
    return picture(paint(el("canvas", { class: "map" }), mixed, side), `Which parts mattered. ${text}`, text);
  };

  const moved = (net, row, images, rows) => {
    const [first] = Explain.best(row, 1), { side } = net;
    const same = rows.filter((other) => Explain.best(other, 1)[0] === first).length;
    const items = rows.map((other, i) => {
      const [label] = Explain.best(other, 1);
      const canvas = paint(el("canvas", { "aria-hidden": "true" }), images[i], side);
      return el("li", label === first ? {} : { class: "other" }, canvas, el("span", {}, Page.views[i].name),
        el("span", { class: "label" }, `${net.classes[label]}, ${percent(other[label])}`));
    });
    return { same, parts: [el("h4", {}, `When moved: ${same} of ${rows.length} say ${net.classes[first]}`), el("ul", {}, ...items)] };
  };

  const nearest = (found) => el("ul", {}, ...found.map((one) => el("li", {},
    el("img", { src: `data:image/png;base64,${one.png}`, alt: "" }), el("span", {}, one.label),
    el("span", { class: "facts" }, `distance ${one.distance}`))));

  return { begin, mapped, moved, nearest, said };
})();
