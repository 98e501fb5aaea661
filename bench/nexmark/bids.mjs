/** The streams that more than one query begins with. */

export const bids = (events) => events.filter(({ kind }) => kind === 'bid')

/**
 * Auctions and the bids on them under the auction's id, in the order of the events. `of` is what an auction is
 * counted under, `from` and `until` are when it is open; of a bid `from` is when it was made.
 */
export const offers = (events, of) => events
  .filter(({ kind }) => kind !== 'person')
  .map((event) => (event.kind === 'auction'
    ? { id: event.id, opens: true, of: of(event), from: event.dateTime, until: event.expires, bidder: 0, price: 0 }
    : { id: event.auction, opens: false, of: 0, from: event.dateTime, until: 0, bidder: event.bidder, price: event.price }))
  .keyBy(({ id }) => id)
