package tidemark.bench;

import java.time.Duration;
import java.util.List;
import org.apache.flink.api.common.typeinfo.TypeHint;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamUtils;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingProcessingTimeWindows;
import org.apache.flink.streaming.api.windowing.triggers.ProcessingTimeTrigger;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/**
 * The queries as DataStream jobs. Before a keyed edge only the fields travel that are used after it; windows
 * aggregate as records come.
 */
final class Queries {
  private static final Duration TEN_SECONDS = Duration.ofSeconds(10);
  private static final Duration TWO_SECONDS = Duration.ofSeconds(2);

  /** Records of a key are in one subtask already (parallelism 1), so no exchange is needed. */
  private final boolean chained;

  Queries(boolean chained) {
    this.chained = chained;
  }

  <T, K> KeyedStream<T, K> keyed(DataStream<T> stream, KeySelector<T, K> key, TypeInformation<K> type) {
    return chained ? DataStreamUtils.reinterpretAsKeyedStream(stream, key, type) : stream.keyBy(key, type);
  }

  /** One key for all: what windowAll does, but without its exchange if there need not be one. */
  private <T> KeyedStream<T, Integer> together(DataStream<T> stream) {
    return keyed(stream, value -> 0, Types.INT);
  }

  static DataStream<Event.Bid> bids(DataStream<Event> events) {
    return events.filter(event -> event.bid != null).map(event -> event.bid).returns(Event.Bid.class);
  }

  static String line(Event.Bid bid) {
    return bid.auction + "," + bid.bidder + "," + bid.price + "," + bid.dateTime;
  }

  void add(String query, DataStream<Event> events) {
    switch (query) {
      case "q0" -> bids(events).sinkTo(new ResultSink<>(Queries::line));
      case "q1" -> bids(events)
          .map(bid -> new Event.ConvertedBid(bid.auction, bid.bidder, bid.price * 0.908, bid.dateTime))
          .returns(Event.ConvertedBid.class)
          .sinkTo(new ResultSink<>(
              bid -> bid.auction + "," + bid.bidder + "," + Math.round(bid.price * 1000) + "," + bid.dateTime));
      case "q2" -> bids(events)
          .filter(bid -> bid.auction % 123 == 0)
          .map(bid -> Tuple2.of(bid.auction, bid.price))
          .returns(Types.TUPLE(Types.LONG, Types.LONG))
          .sinkTo(new ResultSink<>(row -> ((Tuple2<?, ?>) row).f0 + "," + ((Tuple2<?, ?>) row).f1));
      case "q5" -> hottest(events);
      case "q7" -> together(bids(events))
          .window(TumblingEventTimeWindows.of(TEN_SECONDS))
          .aggregate(new Counts.Highest<>(bid -> bid.price), new Spread<Event.Bid>(),
              TypeInformation.of(new TypeHint<Counts.Highest.Top<Event.Bid>>() {}),
              Types.LIST(TypeInformation.of(Event.Bid.class)), TypeInformation.of(Event.Bid.class))
          .sinkTo(new ResultSink<>(Queries::line));
      case "q8" -> newSellers(events);
      case "q11" -> keyed(bidders(events), bidder -> bidder, Types.LONG)
          .window(EventTimeSessionWindows.withGap(TEN_SECONDS))
          .aggregate(new Counts.Count<>(), new WithBounds())
          .sinkTo(new ResultSink<>(row -> row.f0 + "," + row.f1 + "," + row.f2));
      case "q12" -> keyed(bidders(events), bidder -> bidder, Types.LONG)
          .window(TumblingProcessingTimeWindows.of(TEN_SECONDS))
          .trigger(Run.lines == null ? ProcessingTimeTrigger.create() : new ClockOrEnd())
          .aggregate(new Counts.Count<>(), new Counts.WithEnd())
          .sinkTo(new ResultSink<>(row -> row.f0 + "," + row.f1));
      case "q15" -> keyed(bids(events), bid -> Totals.dayKey(bid.dateTime, 0), Types.LONG)
          .process(new Totals.PerDay())
          .sinkTo(new ResultSink<>(Totals.Day::line));
      case "q17" -> keyed(bids(events), bid -> Totals.dayKey(bid.dateTime, bid.auction), Types.LONG)
          .process(new Totals.PerAuction())
          .sinkTo(new ResultSink<>(Totals.OfAuction::line));
      default -> new MoreQueries(this).add(query, events);
    }
  }

  private static DataStream<Long> bidders(DataStream<Event> events) {
    return events.filter(event -> event.bid != null).map(event -> event.bid.bidder).returns(Types.LONG);
  }

  private void hottest(DataStream<Event> events) {
    DataStream<Long> auctions =
        events.filter(event -> event.bid != null).map(event -> event.bid.auction).returns(Types.LONG);
    DataStream<Tuple3<Long, Long, Long>> counts = keyed(auctions, auction -> auction, Types.LONG)
        .window(SlidingEventTimeWindows.of(TEN_SECONDS, TWO_SECONDS))
        .aggregate(new Counts.Count<>(), new Counts.WithEnd());
    TypeInformation<Tuple3<Long, Long, Long>> row = counts.getType();
    together(counts)
        .window(TumblingEventTimeWindows.of(TWO_SECONDS))
        .aggregate(new Counts.Highest<>(count -> count.f1), new Spread<Tuple3<Long, Long, Long>>(),
            TypeInformation.of(
                new TypeHint<Counts.Highest.Top<Tuple3<Long, Long, Long>>>() {}),
            Types.LIST(row), row)
        .sinkTo(new ResultSink<>(count -> count.f0 + "," + count.f1 + "," + count.f2));
  }

  private void newSellers(DataStream<Event> events) {
    DataStream<Tuple2<Long, String>> persons = events
        .filter(event -> event.bid == null)
        .map(event -> event.person != null
            ? Tuple2.of(event.person.id, event.person.name)
            : Tuple2.of(event.auction.seller, ""))
        .returns(Types.TUPLE(Types.LONG, Types.STRING));
    keyed(persons, person -> person.f0, Types.LONG)
        .window(TumblingEventTimeWindows.of(TEN_SECONDS))
        .aggregate(new Counts.PersonWithAuction(), new Counts.NewSeller())
        .sinkTo(new ResultSink<>(row -> row.f0 + "," + row.f1 + "," + row.f2));
  }

  /** The elements of the one list of a window. */
  private static final class Spread<T> extends ProcessWindowFunction<List<T>, T, Integer, TimeWindow> {
    @Override
    public void process(Integer key, Context context, Iterable<List<T>> lists, Collector<T> out) {
      for (T value : lists.iterator().next()) {
        out.collect(value);
      }
    }
  }

  /** (key, count, "start,end" of the session). */
  private static final class WithBounds
      extends ProcessWindowFunction<Long, Tuple3<Long, Long, String>, Long, TimeWindow> {
    @Override
    public void process(Long key, Context context, Iterable<Long> counts, Collector<Tuple3<Long, Long, String>> out) {
      TimeWindow window = context.window();
      out.collect(Tuple3.of(key, counts.iterator().next(), window.getStart() + "," + window.getEnd()));
    }
  }
}
