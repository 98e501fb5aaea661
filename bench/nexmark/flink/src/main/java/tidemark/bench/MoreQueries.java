package tidemark.bench;

import java.io.Serializable;
import java.util.Set;
import java.util.function.ToLongFunction;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.KeyedStream;

/** The queries with joins, auctions that close, rankings and last values. */
final class MoreQueries {
  private static final Set<String> WANTED_STATES = Set.of("OR", "ID", "CA");
  private static final long WANTED_CATEGORY = 10;
  /** More than there are auctions. */
  private static final long AUCTIONS = 100_000_000L;

  private final Queries queries;

  MoreQueries(Queries queries) {
    this.queries = queries;
  }

  void add(String query, DataStream<Event> events) {
    switch (query) {
      case "q3" -> sellers(events).process(new Joins.Sellers()).sinkTo(new ResultSink<>(Joins.Seller::line));
      case "q4" -> {
        DataStream<Auctions.Best> rises = offers(events, auction -> auction.category)
            .process(new Auctions.Winning())
            .filter(best -> best.price > best.before);
        queries.keyed(rises, best -> best.of, Types.LONG)
            .process(new Auctions.AveragePrice())
            .sinkTo(new ResultSink<>(Auctions.OfCategory::line));
      }
      case "q6" -> {
        DataStream<Auctions.Sold> sold = offers(events, auction -> auction.seller)
            .process(new Auctions.Closing());
        queries.keyed(sold, sale -> sale.seller, Types.LONG)
            .process(new Auctions.LastSales())
            .sinkTo(new ResultSink<>(Auctions.OfSeller::line));
      }
      case "q9" -> offers(events, auction -> auction.category)
          .process(new Auctions.Winning())
          .sinkTo(new ResultSink<>(Auctions.Best::line));
      case "q16" -> queries
          .keyed(Queries.bids(events), Totals::channelAndDay, Types.STRING)
          .process(new Totals.PerChannel())
          .sinkTo(new ResultSink<>(Totals.OfChannel::line));
      case "q18" -> queries
          .keyed(Queries.bids(events), bid -> bid.bidder * AUCTIONS + bid.auction, Types.LONG)
          .process(new Rankings.LastBid())
          .sinkTo(new ResultSink<>(
              bid -> bid.bidder + "," + bid.auction + "," + bid.dateTime + "," + bid.price));
      case "q19" -> queries.keyed(Queries.bids(events), bid -> bid.auction, Types.LONG)
          .process(new Rankings.Dearest())
          .sinkTo(new ResultSink<>(Rankings.Ranked::line));
      case "q20" -> bidsAndAuctions(events)
          .process(new Joins.BidsWithAuctions())
          .sinkTo(new ResultSink<>(Joins.BidOrAuction::line));
      default -> throw new IllegalArgumentException("there is no query " + query);
    }
  }

  private interface Of extends ToLongFunction<Event.Auction>, Serializable {}

  /** `of`: what an auction is counted under. */
  private KeyedStream<Auctions.Offer, Long> offers(DataStream<Event> events, Of of) {
    DataStream<Auctions.Offer> offers = events
        .filter(event -> event.person == null)
        .map(event -> event.auction != null
            ? Auctions.Offer.opening(event.auction, of.applyAsLong(event.auction))
            : Auctions.Offer.bid(event.bid))
        .returns(Auctions.Offer.class);
    return queries.keyed(offers, offer -> offer.id, Types.LONG);
  }

  private KeyedStream<Joins.Seller, Long> sellers(DataStream<Event> events) {
    DataStream<Joins.Seller> sellers = events
        .filter(event -> event.person != null
            ? WANTED_STATES.contains(event.person.state)
            : event.auction != null && event.auction.category == WANTED_CATEGORY)
        .map(event -> event.person != null ? Joins.Seller.person(event.person) : Joins.Seller.auction(event.auction))
        .returns(Joins.Seller.class);
    return queries.keyed(sellers, seller -> seller.id, Types.LONG);
  }

  private KeyedStream<Joins.BidOrAuction, Long> bidsAndAuctions(DataStream<Event> events) {
    DataStream<Joins.BidOrAuction> rows = events
        .filter(event -> event.person == null)
        .map(event -> event.auction != null
            ? Joins.BidOrAuction.auction(event.auction, event.auction.category == WANTED_CATEGORY)
            : Joins.BidOrAuction.bid(event.bid))
        .returns(Joins.BidOrAuction.class);
    return queries.keyed(rows, row -> row.auction, Types.LONG);
  }
}
