import { elementCount } from "../tensor/tensor.ts";
import type { VjpEntriesOf } from "./rule.ts";
import { reshapeTo, zerosLike } from "./shaping.ts";

export const indexingVjps: VjpEntriesOf<"gather" | "scatterAdd" | "gatherElements" | "scatterElementsAdd"> = {
  gather: ({ b, g, inputs: [table, indices], attrs: { distinct } }) => {
    const [rows, ...rest] = table!.shape;
    const sizes = indices!.shape.filter((dim) => typeof dim === "number");
    // scatterAdd takes one list of rows, so their number has to be known, and that of the table.
    if (typeof rows !== "number" || sizes.length !== indices!.shape.length) return ["missing", "zero"];
    const count = elementCount(sizes);
    const flat = reshapeTo(b, indices!, [count]);
    return [b.scatterAdd(flat, reshapeTo(b, g, [count, ...rest]), rows, distinct), "zero"];
  },
  scatterAdd: ({ b, g, inputs: [indices], attrs: { distinct } }) => ["zero", b.gather(g, indices!, distinct)],
  gatherElements: ({ b, g, inputs: [data, indices], attrs: { axis } }) => [
    b.scatterElementsAdd(zerosLike(b, data!), indices!, g, axis),
    "zero",
  ],
  scatterElementsAdd: ({ b, g, inputs: [, indices], attrs: { axis } }) => [
    g,
    "zero",
    b.gatherElements(g, indices!, axis),
  ],
};
