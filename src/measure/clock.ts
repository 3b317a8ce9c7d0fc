/** Milliseconds of a clock that never goes back. Only differences mean something. */
export type Clock = () => number;

/**
 * The system's monotonic clock, in milliseconds. Every thread of the process reads the same one (unlike
 * `performance.now()`, whose zero is the thread's start), and setting the wall clock does not move it. So a token's time
 * read in the worker and a request's time read in its caller can be subtracted.
 */
export const monotonicMs: Clock = () => {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
};
