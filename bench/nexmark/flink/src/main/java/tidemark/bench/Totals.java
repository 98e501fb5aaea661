package tidemark.bench;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * q15, q16 and q17: totals without windows, one result for every bid. The result is the total itself, which the next
 * bid changes: object reuse allows it, and it saves an allocation.
 */
final class Totals {
  private static final long DAY_MS = 86_400_000L;
  private static final long AUCTIONS = 100_000_000L;

  private Totals() {}

  static long dayKey(long dateTime, long auction) {
    return dateTime / DAY_MS * AUCTIONS + auction;
  }

  static int priceClass(long price) {
    return price < 10_000 ? 1 : price < 1_000_000 ? 2 : 3;
  }

  public static class Day {
    public long bids;
    public long bids1;
    public long bids2;
    public long bids3;
    public long bidders;
    public long bidders1;
    public long bidders2;
    public long bidders3;
    public long auctions;
    public long auctions1;
    public long auctions2;
    public long auctions3;

    public Day() {}

    String line() {
      return bids + "," + bids1 + "," + bids2 + "," + bids3 + "," + bidders + "," + bidders1 + "," + bidders2 + ","
          + bidders3 + "," + auctions + "," + auctions1 + "," + auctions2 + "," + auctions3;
    }
  }

  public static class OfChannel extends Day {
    public String key;
    public long minute;

    public OfChannel() {}

    @Override
    String line() {
      return key + "," + minute + "," + super.line();
    }
  }

  static final class PerDay extends OfBids<Long, Day> {
    @Override
    Class<Day> type() {
      return Day.class;
    }

    @Override
    Day create(Long key) {
      return new Day();
    }
  }

  static final class PerChannel extends OfBids<String, OfChannel> {
    @Override
    Class<OfChannel> type() {
      return OfChannel.class;
    }

    @Override
    OfChannel create(String key) {
      OfChannel channel = new OfChannel();
      channel.key = key;
      return channel;
    }

    @Override
    void seen(OfChannel channel, Event.Bid bid) {
      channel.minute = Math.max(channel.minute, bid.dateTime % DAY_MS / 60_000);
    }
  }

  private static final String[] HOT_CHANNELS = {"Apple", "Baidu", "Facebook", "Google"};
  private static final String[] CHANNELS = new String[10_000];

  static {
    for (int i = 0; i < CHANNELS.length; i++) {
      CHANNELS[i] = "channel-" + i;
    }
  }

  /** Bids of this generator have no channel; as in the one for Flink, half of them get one of four. */
  static String channelOf(Event.Bid bid) {
    int kind = (int) ((bid.auction * 31 + bid.bidder) % 8);
    return kind < HOT_CHANNELS.length
        ? HOT_CHANNELS[kind]
        : CHANNELS[(int) ((bid.auction * 7919 + bid.bidder) % CHANNELS.length)];
  }

  static String channelAndDay(Event.Bid bid) {
    return channelOf(bid) + " " + dayKey(bid.dateTime, 0);
  }

  /** Whom and what was seen at all and by class is kept as bits, one map entry an id. */
  private abstract static class OfBids<K, D extends Day> extends KeyedProcessFunction<K, Event.Bid, D> {
    private transient ValueState<D> totals;
    private transient MapState<Long, Integer> bidders;
    private transient MapState<Long, Integer> auctions;

    @Override
    public void open(OpenContext context) {
      totals = getRuntimeContext().getState(new ValueStateDescriptor<>("totals", TypeInformation.of(type())));
      bidders = getRuntimeContext().getMapState(new MapStateDescriptor<>("bidders", Types.LONG, Types.INT));
      auctions = getRuntimeContext().getMapState(new MapStateDescriptor<>("auctions", Types.LONG, Types.INT));
    }

    private static int firstTime(MapState<Long, Integer> seen, long id, int rank) throws Exception {
      Integer known = seen.get(id);
      int had = known == null ? 0 : known;
      int has = had | 1 | (1 << rank);
      if (has != had) {
        seen.put(id, has);
      }
      return has ^ had;
    }

    abstract Class<D> type();

    abstract D create(K key);

    void seen(D totals, Event.Bid bid) {}

    @Override
    public void processElement(Event.Bid bid, Context context, Collector<D> out) throws Exception {
      D day = totals.value();
      if (day == null) {
        day = create(context.getCurrentKey());
      }
      seen(day, bid);
      int rank = priceClass(bid.price);
      int b = firstTime(bidders, bid.bidder, rank);
      int a = firstTime(auctions, bid.auction, rank);
      day.bids++;
      if (rank == 1) {
        day.bids1++;
      } else if (rank == 2) {
        day.bids2++;
      } else {
        day.bids3++;
      }
      day.bidders += b & 1;
      day.bidders1 += (b >> 1) & 1;
      day.bidders2 += (b >> 2) & 1;
      day.bidders3 += (b >> 3) & 1;
      day.auctions += a & 1;
      day.auctions1 += (a >> 1) & 1;
      day.auctions2 += (a >> 2) & 1;
      day.auctions3 += (a >> 3) & 1;
      totals.update(day);
      out.collect(day);
    }
  }

  public static class OfAuction {
    public long key;
    public long bids;
    public long bids1;
    public long bids2;
    public long bids3;
    public long min = Long.MAX_VALUE;
    public long max;
    public double avg;
    public long sum;

    public OfAuction() {}

    String line() {
      return key + "," + bids + "," + bids1 + "," + bids2 + "," + bids3 + "," + min + "," + max + ","
          + (long) Math.floor(avg) + "," + sum;
    }
  }

  static final class PerAuction extends KeyedProcessFunction<Long, Event.Bid, OfAuction> {
    private transient ValueState<OfAuction> totals;

    @Override
    public void open(OpenContext context) {
      totals = getRuntimeContext().getState(new ValueStateDescriptor<>("totals", TypeInformation.of(OfAuction.class)));
    }

    @Override
    public void processElement(Event.Bid bid, Context context, Collector<OfAuction> out) throws Exception {
      OfAuction total = totals.value();
      if (total == null) {
        total = new OfAuction();
        total.key = context.getCurrentKey();
      }
      int rank = priceClass(bid.price);
      total.bids++;
      if (rank == 1) {
        total.bids1++;
      } else if (rank == 2) {
        total.bids2++;
      } else {
        total.bids3++;
      }
      total.min = Math.min(total.min, bid.price);
      total.max = Math.max(total.max, bid.price);
      total.sum += bid.price;
      total.avg = (double) total.sum / total.bids;
      totals.update(total);
      out.collect(total);
    }
  }
}
