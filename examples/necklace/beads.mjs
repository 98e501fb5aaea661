/**
 * The necklace: bead n is always the same bead, so it can be laid back to any place.
 */
export const BEADS = 480
export const BEADS_A_SECOND = 40
/** Event time: one bead a second of the story, which begins at midnight. */
export const START_MS = Date.UTC(2001, 0, 1)
const SECOND_MS = 1000

/** Who counts which colour, and how long one bead takes them. */
export const FRIENDS = {
  red: { name: 'Ada', msPerBead: 2 },
  blue: { name: 'Ben', msPerBead: 8 },
  green: { name: 'Cleo', msPerBead: 20 },
}

/** Half of the beads are red, a third blue, a sixth green, in an order that looks shuffled. */
export function bead(n) {
  const place = (n * 7 + Math.floor(n / 6) * 5) % 6
  const colour = place < 3 ? 'red' : place < 5 ? 'blue' : 'green'
  return { n, colour, at: START_MS + n * SECOND_MS }
}
