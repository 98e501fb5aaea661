/** A function that takes some microseconds, in which nothing can be left out and nothing is allocated. */

const STEPS = 2000

export function work(seed) {
  let x = seed | 0
  for (let i = 0; i < STEPS; i++) x = (Math.imul(x ^ (x >>> 13), 0x5bd1e995) + i) | 0
  return x >>> 0
}

/** What one call takes, in microseconds, once it is compiled. */
export function workUs() {
  const calls = 20_000
  let sum = 0
  for (let i = 0; i < calls; i++) sum += work(i)
  const began = performance.now()
  for (let i = 0; i < calls; i++) sum += work(sum + i)
  const took = performance.now() - began
  if (Number.isNaN(sum)) throw new Error('a sum of numbers is a number')
  return (took * 1000) / calls
}
