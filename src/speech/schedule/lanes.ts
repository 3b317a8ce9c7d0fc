import type { Segment } from "../types.ts";

/** Segments that wait for their turn: a lane for each agent, and a fast one for what is urgent. */
export interface Lanes {
  readonly size: number;
  push(segment: Segment): void;
  /** The next urgent segment; agents take turns. */
  takeUrgent(): Segment | undefined;
  /** The next other segment; agents take turns of `turnSegments` each. */
  takeOther(): Segment | undefined;
  /** Takes out every chatter that `isDropped` holds of. */
  dropChatter(isDropped: (segment: Segment) => boolean): readonly Segment[];
  /** Makes room for one: the oldest chatter, else the oldest segment of the agent that has most waiting. */
  dropOne(): Segment | undefined;
  clear(): readonly Segment[];
}

/** Agents in the order of their turns. An agent that has nothing left leaves, and comes back at the end. */
interface Ring {
  readonly lanes: Map<string, Segment[]>;
  takenInTurn: number;
}

const createRing = (): Ring => ({ lanes: new Map(), takenInTurn: 0 });

function pushTo({ lanes }: Ring, segment: Segment): void {
  const lane = lanes.get(segment.agent);
  if (lane === undefined) lanes.set(segment.agent, [segment]);
  else lane.push(segment);
}

/** The agent whose turn it is stands first in the map; after its turn it is put last. */
function takeFrom(ring: Ring, turnSegments: number): Segment | undefined {
  const first = ring.lanes.entries().next().value;
  if (first === undefined) return undefined;
  const [agent, lane] = first;
  const segment = lane.shift();
  ring.takenInTurn++;
  if (lane.length === 0 || ring.takenInTurn >= turnSegments) {
    ring.lanes.delete(agent);
    if (lane.length > 0) ring.lanes.set(agent, lane);
    ring.takenInTurn = 0;
  }
  return segment;
}

function remove(ring: Ring, isRemoved: (segment: Segment) => boolean): Segment[] {
  const removed: Segment[] = [];
  const [current] = ring.lanes.keys();
  for (const [agent, lane] of [...ring.lanes]) {
    const kept = lane.filter((segment) => !isRemoved(segment));
    removed.push(...lane.filter(isRemoved));
    if (kept.length === lane.length) continue;
    if (kept.length > 0) ring.lanes.set(agent, kept);
    else {
      ring.lanes.delete(agent);
      if (agent === current) ring.takenInTurn = 0;
    }
  }
  return removed;
}

/**
 * `turnSegments`: how many segments an agent says before the next one's turn. More than one keeps a thought together,
 * and nobody waits for longer than that many segments of each other agent.
 */
export function createLanes(turnSegments: number): Lanes {
  const urgent = createRing();
  const others = createRing();
  const count = ({ lanes }: Ring): number => {
    let sum = 0;
    for (const lane of lanes.values()) sum += lane.length;
    return sum;
  };
  const oldestChatter = (): Segment | undefined => {
    let oldest: Segment | undefined;
    for (const lane of others.lanes.values()) {
      const found = lane.find(({ priority }) => priority === "chatter");
      if (found !== undefined && (oldest === undefined || found.index < oldest.index)) oldest = found;
    }
    return oldest;
  };
  const headOfLongest = (ring: Ring): Segment | undefined => {
    const longest = [...ring.lanes.values()].sort((a, b) => b.length - a.length)[0];
    return longest?.[0];
  };
  return {
    get size() {
      return count(urgent) + count(others);
    },
    push: (segment) => pushTo(segment.priority === "urgent" ? urgent : others, segment),
    takeUrgent: () => takeFrom(urgent, 1),
    takeOther: () => takeFrom(others, turnSegments),
    dropChatter: (isDropped) =>
      remove(others, (segment) => segment.priority === "chatter" && isDropped(segment)),
    dropOne: () => {
      const victim = oldestChatter() ?? headOfLongest(others) ?? headOfLongest(urgent);
      if (victim === undefined) return undefined;
      remove(victim.priority === "urgent" ? urgent : others, (segment) => segment === victim);
      return victim;
    },
    clear: () => [...remove(urgent, () => true), ...remove(others, () => true)],
  };
}
