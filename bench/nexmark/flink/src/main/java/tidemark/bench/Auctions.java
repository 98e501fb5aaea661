package tidemark.bench;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * q4, q6 and q9: auctions with their best bids. Auctions and bids come as one stream under the auction's id; a bid
 * may come before its auction and counts if it was made while the auction was open.
 */
final class Auctions {
  private static final int SALES = 10;

  private Auctions() {}

  /** An auction or a bid: only what is used after the exchange. */
  public static class Offer {
    public long id;
    public boolean opens;
    /** What the auction is counted under. */
    public long of;
    public long from;
    public long until;
    public long bidder;
    public long price;

    public Offer() {}

    static Offer opening(Event.Auction auction, long of) {
      Offer offer = new Offer();
      offer.id = auction.id;
      offer.opens = true;
      offer.of = of;
      offer.from = auction.dateTime;
      offer.until = auction.expires;
      return offer;
    }

    static Offer bid(Event.Bid bid) {
      Offer offer = new Offer();
      offer.id = bid.auction;
      offer.from = bid.dateTime;
      offer.bidder = bid.bidder;
      offer.price = bid.price;
      return offer;
    }
  }

  public static class Sale {
    public long of;
    public long from;
    public long until;
    public long price;
    public long bidder;
    public long at;

    public Sale() {}

    /** The dearest wins, of equal ones the earliest. */
    boolean take(Offer bid) {
      if (bid.from < from || bid.from > until || bid.price < price) {
        return false;
      }
      if (bid.price == price && (bid.from > at || (bid.from == at && bid.bidder >= bidder))) {
        return false;
      }
      price = bid.price;
      bidder = bid.bidder;
      at = bid.from;
      return true;
    }
  }

  /** A new best bid; `before` is the price of the last one, 0 if it is the first. */
  public static class Best {
    public long id;
    public long of;
    public long price;
    public long before;
    public long bidder;
    public long at;

    public Best() {}

    String line() {
      return id + "," + price + "," + bidder + "," + at;
    }
  }

  private abstract static class Selling<T> extends KeyedProcessFunction<Long, Offer, T> {
    protected transient ValueState<Sale> sale;
    private transient ListState<Offer> early;

    @Override
    public void open(OpenContext context) {
      sale = getRuntimeContext().getState(new ValueStateDescriptor<>("sale", TypeInformation.of(Sale.class)));
      early = getRuntimeContext().getListState(new ListStateDescriptor<>("early", TypeInformation.of(Offer.class)));
    }

    abstract void opened(Sale sale, Context context);

    abstract void changed(long id, Sale sale, long before, Collector<T> out);

    @Override
    public void processElement(Offer offer, Context context, Collector<T> out) throws Exception {
      Sale now = sale.value();
      if (now == null && !offer.opens) {
        early.add(offer);
        return;
      }
      if (!offer.opens) {
        long before = now.price;
        if (now.take(offer)) {
          sale.update(now);
          changed(offer.id, now, before, out);
        }
        return;
      }
      now = new Sale();
      now.of = offer.of;
      now.from = offer.from;
      now.until = offer.until;
      for (Offer bid : early.get()) {
        now.take(bid);
      }
      early.clear();
      sale.update(now);
      opened(now, context);
      if (now.price > 0) {
        changed(offer.id, now, 0, out);
      }
    }
  }

  static final class Winning extends Selling<Best> {
    @Override
    void opened(Sale sale, Context context) {}

    @Override
    void changed(long id, Sale sale, long before, Collector<Best> out) {
      Best best = new Best();
      best.id = id;
      best.of = sale.of;
      best.price = sale.price;
      best.before = before;
      best.bidder = sale.bidder;
      best.at = sale.at;
      out.collect(best);
    }
  }

  public static class OfCategory {
    public long category;
    public long sum;
    public long auctions;

    public OfCategory() {}

    String line() {
      return category + "," + sum + "," + auctions + "," + sum / auctions;
    }
  }

  static final class AveragePrice extends KeyedProcessFunction<Long, Best, OfCategory> {
    private transient ValueState<OfCategory> totals;

    @Override
    public void open(OpenContext context) {
      totals = getRuntimeContext().getState(
          new ValueStateDescriptor<>("totals", TypeInformation.of(OfCategory.class)));
    }

    @Override
    public void processElement(Best best, Context context, Collector<OfCategory> out) throws Exception {
      OfCategory total = totals.value();
      if (total == null) {
        total = new OfCategory();
        total.category = best.of;
      }
      total.sum += best.price - best.before;
      if (best.before == 0) {
        total.auctions++;
      }
      totals.update(total);
      out.collect(total);
    }
  }

  /** What an auction was sold for. */
  public static class Sold {
    public long id;
    public long seller;
    public long until;
    public long price;

    public Sold() {}
  }

  static final class Closing extends Selling<Sold> {
    @Override
    void opened(Sale sale, Context context) {
      context.timerService().registerEventTimeTimer(sale.until);
    }

    @Override
    void changed(long id, Sale sale, long before, Collector<Sold> out) {}

    @Override
    public void onTimer(long timestamp, OnTimerContext context, Collector<Sold> out) throws Exception {
      Sale closed = sale.value();
      if (closed.price == 0) {
        return;
      }
      Sold sold = new Sold();
      sold.id = context.getCurrentKey();
      sold.seller = closed.of;
      sold.until = closed.until;
      sold.price = closed.price;
      out.collect(sold);
    }
  }

  public static class OfSeller {
    public long seller;
    public long sales;
    public long average;
    /** Of the last sales, in order of their end. */
    public int size;
    public long[] ids = new long[SALES];
    public long[] untils = new long[SALES];
    public long[] prices = new long[SALES];

    public OfSeller() {}

    void add(Sold sold) {
      sales++;
      int at = size;
      while (at > 0 && (untils[at - 1] > sold.until || (untils[at - 1] == sold.until && ids[at - 1] > sold.id))) {
        at--;
      }
      if (size < SALES) {
        move(at, at + 1, size - at);
        size++;
      } else if (at > 0) {
        at--;
        move(1, 0, at);
      } else {
        return;
      }
      ids[at] = sold.id;
      untils[at] = sold.until;
      prices[at] = sold.price;
      long total = 0;
      for (int i = 0; i < size; i++) {
        total += prices[i];
      }
      average = total / size;
    }

    private void move(int from, int to, int count) {
      System.arraycopy(ids, from, ids, to, count);
      System.arraycopy(untils, from, untils, to, count);
      System.arraycopy(prices, from, prices, to, count);
    }

    String line() {
      return seller + "," + sales + "," + average;
    }
  }

  static final class LastSales extends KeyedProcessFunction<Long, Sold, OfSeller> {
    private transient ValueState<OfSeller> last;

    @Override
    public void open(OpenContext context) {
      last = getRuntimeContext().getState(new ValueStateDescriptor<>("last", TypeInformation.of(OfSeller.class)));
    }

    @Override
    public void processElement(Sold sold, Context context, Collector<OfSeller> out) throws Exception {
      OfSeller seller = last.value();
      if (seller == null) {
        seller = new OfSeller();
        seller.seller = sold.seller;
      }
      seller.add(sold);
      last.update(seller);
      out.collect(seller);
    }
  }
}
