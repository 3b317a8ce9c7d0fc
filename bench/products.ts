import { onnxCpuBackend } from "#limbeck/backend/onnx/backend.js";
import type { NamedTensors } from "#limbeck/backend/session.js";
import { createRandom } from "#limbeck/base/random.js";
import { GraphBuilder } from "#limbeck/graph/builder.js";
import type { Graph, NodeOf, Shape } from "#limbeck/graph/graph.js";
import { countFlops } from "#limbeck/passes/flops.js";
import { elementCount, type Tensor, zeros } from "#limbeck/tensor/tensor.js";
import type { Contestant } from "./rounds.ts";

/** One matrix product of a graph: the shapes of its operands as they lie in memory. */
export interface Product {
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly transA: boolean;
  readonly transB: boolean;
}

/** "as-written" reads operands transposed where the graph does; "plain" multiplies the same sizes untransposed. */
export type ProductForm = "as-written" | "plain";

function fixed(shape: Shape): readonly number[] {
  return shape.map(Number);
}

function swapped(shape: readonly number[]): readonly number[] {
  return [...shape.slice(0, -2), shape.at(-1) as number, shape.at(-2) as number];
}

/** Products with a vector are sums in another guise, bound by memory: they are no part of a matmul ceiling. */
function isMatrixProduct({ a, b }: Product): boolean {
  return [...a.slice(-2), ...b.slice(-2)].every((size) => size > 1);
}

/** Every matrix product that `graph` holds, the two inside each attention included. */
export function productsOf(graph: Graph): readonly Product[] {
  const products: Product[] = [];
  for (const node of graph.nodes) {
    if (node.op === "matmul") {
      const { inputs, attrs } = node as NodeOf<"matmul">;
      const { transA = false, transB = false } = attrs;
      products.push({ a: fixed(inputs[0]!.shape), b: fixed(inputs[1]!.shape), transA, transB });
    } else if (node.op === "attention") {
      const [q, k, v] = node.inputs.map(({ shape }) => fixed(shape));
      const p = fixed(node.outputs[1]!.shape); // [B, H, T, S]
      products.push(
        { a: q!, b: k!, transA: false, transB: true },
        { a: p, b: v!, transA: false, transB: false },
      );
    }
  }
  return products.filter(isMatrixProduct);
}

function inForm(product: Product, form: ProductForm): Product {
  const { a, b, transA, transB } = product;
  if (form === "as-written") return product;
  return { a: transA ? swapped(a) : a, b: transB ? swapped(b) : b, transA: false, transB: false };
}

export interface Ceiling {
  /** Floating-point operations of one run. */
  readonly flops: number;
  readonly run: Contestant;
  close(): void;
}

/**
 * One graph of nothing but `products`, bound to memory. Operands of one shape share their memory, which keeps it in the
 * caches and the ceiling high; each product has inputs of its own name, so that none is merged with another.
 */
export async function openCeiling(
  products: readonly Product[],
  form: ProductForm,
  threads: number,
): Promise<Ceiling> {
  const g = new GraphBuilder(`products ${form}`);
  const random = createRandom(1);
  const pool = new Map<string, Tensor>();
  const inputs: Record<string, Tensor> = {};
  const outputs: Record<string, Tensor> = {};
  const operand = (name: string, shape: readonly number[]) => {
    const key = `${name[0]} ${shape.join()}`;
    let memory = pool.get(key);
    if (memory === undefined) {
      memory = zeros("float32", shape);
      for (let i = 0; i < elementCount(shape); i++) memory.data[i] = random.next() - 0.5;
      pool.set(key, memory);
    }
    inputs[name] = memory;
    return g.input(name, "float32", shape);
  };
  products.forEach((product, i) => {
    const { a, b, transA, transB } = inForm(product, form);
    const y = g.matmul(operand(`a${i}`, a), operand(`b${i}`, b), { transA, transB });
    g.output(`y${i}`, y);
    outputs[`y${i}`] = zeros("float32", fixed(y.shape));
  });
  const graph = g.build();
  const session = await onnxCpuBackend.compile(graph, { threads });
  const binding = session.bind(inputs as NamedTensors, outputs);
  return {
    flops: countFlops(graph).matmul,
    async run() {
      const start = performance.now();
      await binding.run();
      return performance.now() - start;
    },
    close() {
      binding.close();
      session.close();
    },
  };
}
