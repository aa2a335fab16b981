"use strict";
// The nets behind the page: the server that this page came from reads pictures, and asks the nets.
const Backend = (() => {
  const post = async (path, body) => {
    let answer;
    try {
      answer = await fetch(path, { method: "POST", body, headers: { "Content-Type": "application/octet-stream" } });
    } catch {
      throw new Error("the server does not answer; is the command still running?");
    }
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error);
    return told;
  };
  const bytes = (base64) => Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
  return {
    ready: async () => {},
    // The picture in a file as the nets get it: RGB bytes by side.
    read: async (blob) => Object.fromEntries(Object.entries(await post("read", blob)).map(([side, of]) => [side, bytes(of)])),
    // { rows: probabilities by image, ms }
    probabilities: (net, images) => post(`probabilities/${net}`, images),
    neighbours: (net, image) => post(`neighbours/${net}`, image),
  };
})();
