// One card per finding. Words of strangers become text nodes, never mark-up.
const Cards = (() => {
  const { data } = Marks;
  const shots = new Map(Object.entries(data.shots)), apart = new Map(Object.entries(data.differences));
  const pictured = shots.size > 0;
  const el = (tag, values = {}, ...inside) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(values)) {
      if (name in made && name !== "list") made[name] = value; else made.setAttribute(name, value);
    }
    made.append(...inside.filter((one) => one !== null && one !== undefined));
    return made;
  };
  const name = (split, index, file) => file || `${split} ${index}`;
  const digits = (value, most) => value === null ? "–" : String(Number(value.toFixed(most))).replace("-", "−");
  const percent = (value) => value === null ? "–" : `${(100 * value).toFixed(1)} %`;

  // A small image is enlarged by a whole number, so that its pixels stay square; a large one is shown as it is stored.
  const image = (shot, alt, side = 128) => {
    const [width, height, , , bytes] = shot, times = Math.max(1, Math.floor(side / Math.max(width, height)));
    return el("img", { src: `data:image/webp;base64,${bytes}`, alt, width: width * times, height: height * times });
  };
  const figure = (split, index, label, { file = "", side = 128, extra = "" } = {}) => {
    const shot = shots.get(`${split}/${index}`);
    if (!shot) return null;
    const [width, height, fullWidth, fullHeight] = shot;
    const size = width === fullWidth && Math.max(width, height) <= 64 ? "" : `${fullWidth} × ${fullHeight}`;
    const words = [label, ...[name(split, index, file), size, extra].filter(Boolean).map((line) => el("span", {}, line))];
    const alt = `${name(split, index, file)}, labelled ${label}`;
    return el("figure", {}, image(shot, alt, side), el("figcaption", {}, ...words));
  };
  const large = (...keys) => keys.some((key) => { const s = shots.get(key); return s && Math.max(s[0], s[1]) > 64; });

  // How the second image is moved onto the first, in words.
  const alignment = (pair) => {
    if (pair.verdict === data.verdicts[0]) return "pixel for pixel";
    const [x, y] = [pair.shift_x, pair.shift_y], said = [];
    if (pair.mirror) said.push("mirrored");
    if (pair.scale !== 1) said.push(`× ${digits(pair.scale, 3)} in size`);
    if (x) said.push(`${digits(Math.abs(x), 2)} px to the ${x > 0 ? "right" : "left"}`);
    if (y) said.push(`${digits(Math.abs(y), 2)} px ${y > 0 ? "down" : "up"}`);
    if (pair.gain !== 1) said.push(`× ${digits(pair.gain, 3)} in brightness`);
    if (pair.offset) said.push(`${pair.offset > 0 ? "+" : ""}${digits(pair.offset, 1)} grey levels`);
    return said.length ? said.join(", ") : "as it is";
  };

  const pair = (p, row) => {
    const drawn = apart.get(String(row)), [a, b] = [[p.a_split, p.a_index], [p.b_split, p.b_index]];
    const lines = [el("p", { className: "small" }, `second onto first: ${alignment(p)} · residual ${digits(p.score, 4)}`)];
    const pictures = [figure(...a, p.a_label, { file: p.a_file }), figure(...b, p.b_label, { file: p.b_file })];
    if (drawn) {
      const alt = `Difference of the two, ${drawn[5]} of 255 grey levels in the mean`;
      pictures.push(el("figure", {}, image(drawn, alt),
        el("figcaption", {}, "difference", el("span", {}, `mean ${drawn[5]} of 255`), el("span", {}, `shown × ${data.strength}`))));
    }
    const shown = pictures.filter(Boolean);
    if (shown.length) lines.unshift(el("div", { className: "shots" }, ...shown));
    if (!pictures[0] || !pictures[1]) {
      lines.unshift(el("p", {}, `${name(...a, p.a_file)}, ${p.a_label} — ${name(...b, p.b_file)}, ${p.b_label}`));
    }
    const differ = p.a_label !== p.b_label ? "two labels" : "";
    return {
      title: `${name(...a, p.a_file)} and ${name(...b, p.b_file)}`, badges: [p.verdict, differ], lines,
      told: `${p.verdict}, ${p.a_label} and ${p.b_label}`, large: large(a.join("/"), b.join("/")),
    };
  };

  const chance = (what, label, value) => {
    const bar = el("div");
    bar.style.width = `${100 * (value ?? 0)}%`;
    return [el("span", {}, `${what} `, el("strong", {}, label)), el("span", {}, percent(value)),
      el("div", { className: "track", "aria-hidden": "true", hidden: value === null }, bar)];
  };
  const label = (s) => {
    const near = s.neighbours.slice(0, 3), own = figure(s.split, s.index, s.given, { file: s.file });
    const says = (one) => one === s.given ? "as given" : one === s.proposed ? "as proposed" : "";
    const figures = near.map(([split, index, of]) => figure(split, index, of, { side: 64, extra: says(of) }));
    const about = el("div", {}, el("div", { className: "chances" }, ...chance("given", s.given, s.given_probability),
      ...chance("proposed", s.proposed, s.proposed_probability)), el("p", { className: "small" }, `margin ${digits(s.margin, 4)}`));
    const nearest = el("div", { className: "nearest" });
    if (near.length) {
      nearest.append(el("p", { className: "small" }, pictured && figures.every(Boolean) ? "nearest images:"
        : `nearest images: ${near.map(([split, index, of]) => `${split} ${index}, ${of}`).join("; ")}`));
      if (figures.some(Boolean)) nearest.append(el("div", { className: "shots near" }, ...figures.filter(Boolean)));
    }
    const lines = [el("div", { className: "suspect" }, own ? el("div", { className: "shots" }, own) : null, about, nearest)];
    return {
      title: name(s.split, s.index, s.file), badges: [s.suspect ? "suspect" : "", s.contradiction ? "contradiction" : ""], lines,
      told: `given ${s.given}, proposed ${s.proposed}`, large: large(`${s.split}/${s.index}`),
    };
  };

  const picture = (o) => {
    const shot = shots.get(`${o.split}/${o.index}`), title = name(o.split, o.index, o.file);
    const lines = shot ? [el("div", { className: "shots" }, el("figure", {}, image(shot, title),
      el("figcaption", {}, el("span", {}, `${shot[2]} × ${shot[3]}`))))] : [];
    return { title, badges: [], lines: [...lines, el("p", {}, o.what)], told: o.what, large: large(`${o.split}/${o.index}`) };
  };

  return { el, make: { pair, label, picture } };
})();
