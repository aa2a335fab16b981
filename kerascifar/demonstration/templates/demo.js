"use strict";
// From a picture to the answers: the labels first, then what they hang on.
{
  const [status, problem, answers, near] = ["[role=status]", "[role=alert]", ".answers", ".near"].map(find);
  let latest = 0;
  const fail = (error) => { problem.textContent = error.message; problem.hidden = false; };

  // Asks for many images in pieces that the server takes.
  const ask = async (number, images) => {
    const at_once = Math.max(1, Math.floor(Page.most_bytes / (2 * images[0].length))), rows = [];
    for (let i = 0; i < images.length; i += at_once) {
      rows.push(...(await Backend.probabilities(number, Explain.joined(images.slice(i, i + at_once)))).rows);
    }
    return rows;
  };

  const explain = async (number, net, image, row, place, stale) => {
    const patches = Explain.patches(net.side, Page.occlusion), colour = Explain.mean(image);
    const views = Page.views.map((view) => Explain.moved(image, net.side, view));
    const covered = patches.corners.map((corner) => Explain.covered(image, net.side, corner, patches.size, colour));
    const ofViews = await ask(number, views);
    if (stale()) return;
    const { same, parts } = Answer.moved(net, row, views, ofViews);
    place.views.append(...parts);
    if (place.hinted.hidden && same < views.length / 2) {
      place.hinted.textContent = `Do not rely on it: only ${same} of ${views.length} moved pictures get the same answer.`;
      place.hinted.hidden = false;
    }
    const ofCovered = await ask(number, covered);
    if (stale()) return;
    place.pictures.append(Answer.mapped(net, row, image, patches, ofCovered));
  };

  // Of each set of training images once, whichever net learned from it.
  const nearest = async (images, stale) => {
    near.replaceChildren();
    for (const [number, net] of Page.nets.entries()) {
      const first = net.missing ? Page.nets.findIndex(({ missing }) => missing === net.missing) : net.neighbours;
      if (first !== number) continue;
      near.append(el("h3", {}, "Nearest training images"));
      if (net.missing) {
        near.append(el("p", { class: "facts" }, `Not at hand: ${net.missing}`));
        continue;
      }
      const found = await Backend.neighbours(number, images[net.side]);
      if (stale()) return;
      near.append(Answer.nearest(found));
    }
  };

  const show = async (blob, name) => {
    const turn = ++latest, stale = () => turn !== latest;
    problem.hidden = true;
    answers.setAttribute("aria-busy", "true");
    try {
      if (blob.size > Page.most_bytes) {
        throw new Error(`the picture has ${Math.ceil(blob.size / 2 ** 20)} MiB; at most ${Page.most_bytes / 2 ** 20} MiB are taken`);
      }
      const images = await Backend.read(blob), rows = [], places = [];
      for (const [number, net] of Page.nets.entries()) {
        const { rows: [row], ms } = await Backend.probabilities(number, images[net.side]);
        if (stale()) return;
        rows.push(row);
        places.push(Answer.begin(net, row, ms, images[net.side]));
      }
      answers.replaceChildren(...places.map(({ part }) => part));
      if (narrow() && name !== Draw.NAME) find(".output").scrollIntoView();
      const hint = (i) => (places[i].hinted.hidden ? "" : ` ${places[i].hinted.textContent}`);
      status.textContent = Page.nets.map((net, i) => `${Page.nets.length > 1 ? `${net.name}: ` : ""}${Answer.said(net, rows[i])}.${hint(i)}`).join(" ");
      for (const [number, net] of Page.nets.entries()) {
        await explain(number, net, images[net.side], rows[number], places[number], stale);
        if (stale()) return;
      }
      await nearest(images, stale);
    } catch (error) {
      if (stale()) return;
      for (const old of [answers, near]) old.replaceChildren(); // of another picture
      status.textContent = "";
      fail(new Error(`${name}: ${error.message}`));
    } finally {
      if (!stale()) answers.setAttribute("aria-busy", "false");
    }
  };

  status.textContent = "The net is being loaded.";
  Backend.ready().then(() => { status.textContent = "No picture yet."; Input.begin(show, fail); Draw.begin(show); }, (error) => {
    status.textContent = "";
    fail(error);
  });
}
