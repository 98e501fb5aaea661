/**
 * Loaded before the engine (node --import): the wall clock jumps, as when an operator or NTP sets it.
 *
 * DESTROY_CLOCK="300:3600000,700:-10800000" adds an hour 300 ms after the start and takes three hours
 * away 400 ms later. Only Date is moved: the monotonic clock and timers keep their pace, as they do on
 * a real machine.
 */
const RealDate = Date
const jumps = (process.env.DESTROY_CLOCK ?? '').split(',').filter((part) => part !== '')
  .map((part) => part.split(':').map(Number))

const offset = () => {
  const sinceMs = performance.now()
  return jumps.reduce((sum, [atMs, byMs]) => (sinceMs >= atMs ? sum + byMs : sum), 0)
}

globalThis.Date = class Date extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + offset())
    else super(...args)
  }

  static now() {
    return RealDate.now() + offset()
  }
}
