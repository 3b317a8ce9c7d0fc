import type { EventSink } from "./event-sink.ts";

interface Block {
  text: string;
  isOpen: boolean;
}

interface Message {
  readonly agent: string;
  readonly message: string;
  readonly blocks: Map<number, Block>;
}

/** Texts that come twice, as they grow and once more whole, are said once. */
export interface SaidOnce {
  /** More of a block. */
  delta(agent: string, message: string, block: number, text: string): void;
  /** A whole block: says what was not said yet of it, and closes it. */
  whole(agent: string, message: string, text: string): void;
  /** All of a block so far: says what is new of it. */
  grown(agent: string, message: string, block: number, text: string): void;
  endBlock(agent: string, message: string, block: number): void;
  endMessage(agent: string, message: string): void;
  endAll(): void;
  /** Whether anything was said in this message. */
  has(agent: string, message: string): boolean;
}

/** Messages whose text is kept for the whole one that may follow. */
const maxMessages = 64;

export function createSaidOnce(sink: EventSink): SaidOnce {
  const messages = new Map<string, Message>();

  const close = ({ agent, message, blocks }: Message, index: number): void => {
    const block = blocks.get(index);
    if (!block?.isOpen) return;
    block.isOpen = false;
    sink.emit({ type: "text_end", agent, message, block: index });
  };
  const closeAll = (found: Message): void => {
    for (const index of found.blocks.keys()) close(found, index);
  };

  const find = (agent: string, message: string): Message => {
    const key = JSON.stringify([agent, message]);
    let found = messages.get(key);
    if (found === undefined) {
      found = { agent, message, blocks: new Map() };
      messages.set(key, found);
      for (const [oldest, old] of messages) {
        if (messages.size <= maxMessages) break;
        closeAll(old);
        messages.delete(oldest);
      }
    }
    return found;
  };

  const delta = (agent: string, message: string, index: number, text: string): void => {
    if (text === "") return;
    const { blocks } = find(agent, message);
    const block = blocks.get(index) ?? { text: "", isOpen: true };
    blocks.set(index, block);
    block.text += text;
    block.isOpen = true;
    sink.emit({ type: "text", agent, message, block: index, text });
  };

  const grown = (agent: string, message: string, index: number, text: string): void => {
    const said = find(agent, message).blocks.get(index)?.text ?? "";
    if (text.startsWith(said)) delta(agent, message, index, text.slice(said.length));
  };

  return {
    delta,
    grown,
    whole: (agent, message, text) => {
      if (text === "") return;
      const found = find(agent, message);
      const blocks = [...found.blocks];
      // White space at the ends is lost on the way now and then.
      const equal = blocks.find(([, block]) => block.text.trim() === text.trim());
      if (equal !== undefined) {
        close(found, equal[0]);
        return;
      }
      const begun = blocks.find(([, block]) => block.isOpen && text.startsWith(block.text));
      const index = begun?.[0] ?? Math.max(-1, ...found.blocks.keys()) + 1;
      delta(agent, message, index, text.slice(begun?.[1].text.length ?? 0));
      close(found, index);
    },
    endBlock: (agent, message, index) => close(find(agent, message), index),
    endMessage: (agent, message) => closeAll(find(agent, message)),
    endAll: () => {
      for (const found of messages.values()) closeAll(found);
    },
    has: (agent, message) => (messages.get(JSON.stringify([agent, message]))?.blocks.size ?? 0) > 0,
  };
}
