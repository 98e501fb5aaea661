package tidemark.bench;

import java.util.Arrays;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** q18 and q19: the last and the dearest bids, as changelogs of rows as they are after each change. */
final class Rankings {
  private static final int TOP = 10;

  private Rankings() {}

  /** Of equal time the dearer one, so that any order of arrival gives the same. */
  static final class LastBid extends KeyedProcessFunction<Long, Event.Bid, Event.Bid> {
    private transient ValueState<Event.Bid> last;

    @Override
    public void open(OpenContext context) {
      last = getRuntimeContext().getState(new ValueStateDescriptor<>("last", TypeInformation.of(Event.Bid.class)));
    }

    @Override
    public void processElement(Event.Bid bid, Context context, Collector<Event.Bid> out) throws Exception {
      Event.Bid was = last.value();
      if (was != null
          && (was.dateTime > bid.dateTime || (was.dateTime == bid.dateTime && was.price >= bid.price))) {
        return;
      }
      last.update(bid);
      out.collect(bid);
    }
  }

  public static class Ranked {
    public int rank;
    public Event.Bid bid;

    public Ranked() {}

    String line() {
      return bid.auction + "," + rank + "," + bid.price;
    }
  }

  public static class Ranking {
    public int size;
    public Event.Bid[] bids = new Event.Bid[0];

    public Ranking() {}
  }

  static final class Dearest extends KeyedProcessFunction<Long, Event.Bid, Ranked> {
    private transient ValueState<Ranking> ranking;

    @Override
    public void open(OpenContext context) {
      ranking = getRuntimeContext().getState(
          new ValueStateDescriptor<>("ranking", TypeInformation.of(Ranking.class)));
    }

    @Override
    public void processElement(Event.Bid bid, Context context, Collector<Ranked> out) throws Exception {
      Ranking top = ranking.value();
      if (top == null) {
        top = new Ranking();
      }
      int at = top.size;
      while (at > 0 && top.bids[at - 1].price < bid.price) {
        at--;
      }
      if (at == TOP) {
        return;
      }
      if (top.size < TOP) {
        top.bids = Arrays.copyOf(top.bids, top.size + 1);
        top.size++;
      }
      System.arraycopy(top.bids, at, top.bids, at + 1, top.size - 1 - at);
      top.bids[at] = bid;
      ranking.update(top);
      for (; at < top.size; at++) {
        Ranked ranked = new Ranked();
        ranked.rank = at + 1;
        ranked.bid = top.bids[at];
        out.collect(ranked);
      }
    }
  }
}
