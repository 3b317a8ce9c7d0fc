import type { Node, Value } from "../../graph/graph.ts";

/**
 * The value [B, T, (H + 2K)·D] from which an attention's q, k and v are cut side by side; null where they come from
 * elsewhere. The kernel takes such a value whole.
 */
export function joinedHeads(node: Node): Value | null {
  if (node.op !== "cachedAttention") return null;
  const [whole] = node.inputs[0]!.node.inputs;
  if (!whole) return null;
  let column = 0;
  for (const { node: cut } of node.inputs.slice(0, 3)) {
    const isNext = cut.op === "slice" && cut.inputs[0] === whole && cut.attrs.start === column;
    if (!isNext || cut.attrs.axis !== whole.shape.length - 1) return null;
    column = cut.attrs.end;
  }
  return column === whole.shape.at(-1) ? whole : null;
}

/** Whether a node cuts what only attentions read that take it whole: then nothing needs the cut. */
export function isTakenWhole(
  { op, inputs, outputs }: Node,
  readersOf: (value: Value) => readonly Node[],
): boolean {
  if (op !== "slice") return false;
  const readers = readersOf(outputs[0]!);
  return readers.length > 0 && readers.every((reader) => joinedHeads(reader) === inputs[0]);
}
