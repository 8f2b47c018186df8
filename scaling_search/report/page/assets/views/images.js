// What the members look at.

/** Images and what the members look at in them: no chart, so a section of its own. */
function imageSection() {
  if (!data.images.length) return null;
  const picture = (png, caption) => h("figure", {}, h("img", { src: `data:image/png;base64,${png}`, alt: caption }), h("figcaption", {}, caption));
  return h("section", { id: "images", class: "view wide", "aria-labelledby": "title-images" },
    h("header", {}, h("h2", { id: "title-images" }, "What the networks look at")),
    h("p", { class: "says" }, "Class activation maps: what in the image speaks for the class that the network names."),
    h("div", { class: "images" }, data.images.map((image) => h("div", { class: "pictures" },
      picture(image.png, image.label ? `${image.name}: ${image.label}` : image.name),
      image.maps.map((map) => picture(map.png, `${map.member}: ${map.predicted}`))))));
}
