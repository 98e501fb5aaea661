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
 * q3 and q20: joins without windows. Both sides come as one stream under the key at which they meet, so that the
 * job can be one chain; either side may come first.
 */
final class Joins {
  private Joins() {}

  /** A person, or an auction under the id of its seller. */
  public static class Seller {
    public long id;
    /** 0: this is the person. */
    public long auction;
    public String name = "";
    public String city = "";
    public String state = "";

    public Seller() {}

    static Seller person(Event.Person person) {
      Seller seller = new Seller();
      seller.id = person.id;
      seller.name = person.name;
      seller.city = person.city;
      seller.state = person.state;
      return seller;
    }

    static Seller auction(Event.Auction auction) {
      Seller seller = new Seller();
      seller.id = auction.seller;
      seller.auction = auction.id;
      return seller;
    }

    String line() {
      return name + "," + city + "," + state + "," + auction;
    }
  }

  static final class Sellers extends KeyedProcessFunction<Long, Seller, Seller> {
    private transient ValueState<Seller> person;
    private transient ListState<Long> auctions;

    @Override
    public void open(OpenContext context) {
      person = getRuntimeContext().getState(new ValueStateDescriptor<>("person", TypeInformation.of(Seller.class)));
      auctions = getRuntimeContext().getListState(new ListStateDescriptor<>("auctions", Long.class));
    }

    @Override
    public void processElement(Seller seller, Context context, Collector<Seller> out) throws Exception {
      if (seller.auction == 0) {
        person.update(seller);
        for (long auction : auctions.get()) {
          out.collect(joined(seller, auction));
        }
        auctions.clear();
        return;
      }
      Seller known = person.value();
      if (known == null) {
        auctions.add(seller.auction);
      } else {
        out.collect(joined(known, seller.auction));
      }
    }

    private static Seller joined(Seller person, long auction) {
      Seller result = new Seller();
      result.id = person.id;
      result.auction = auction;
      result.name = person.name;
      result.city = person.city;
      result.state = person.state;
      return result;
    }
  }

  /** A bid, or an auction; the result is a bid with what is known of its auction. */
  public static class BidOrAuction {
    public long auction;
    public boolean opens;
    public boolean wanted;
    public long bidder;
    public long price;
    public long dateTime;
    public String itemName = "";
    public long seller;

    public BidOrAuction() {}

    static BidOrAuction bid(Event.Bid bid) {
      BidOrAuction row = new BidOrAuction();
      row.auction = bid.auction;
      row.bidder = bid.bidder;
      row.price = bid.price;
      row.dateTime = bid.dateTime;
      return row;
    }

    static BidOrAuction auction(Event.Auction auction, boolean wanted) {
      BidOrAuction row = new BidOrAuction();
      row.auction = auction.id;
      row.opens = true;
      row.wanted = wanted;
      row.itemName = auction.itemName;
      row.seller = auction.seller;
      return row;
    }

    String line() {
      return auction + "," + bidder + "," + price + "," + dateTime + "," + itemName + "," + seller;
    }
  }

  static final class BidsWithAuctions extends KeyedProcessFunction<Long, BidOrAuction, BidOrAuction> {
    private transient ValueState<BidOrAuction> auction;
    private transient ListState<BidOrAuction> early;

    @Override
    public void open(OpenContext context) {
      TypeInformation<BidOrAuction> row = TypeInformation.of(BidOrAuction.class);
      auction = getRuntimeContext().getState(new ValueStateDescriptor<>("auction", row));
      early = getRuntimeContext().getListState(new ListStateDescriptor<>("early", row));
    }

    @Override
    public void processElement(BidOrAuction row, Context context, Collector<BidOrAuction> out) throws Exception {
      if (row.opens) {
        auction.update(row);
        if (row.wanted) {
          for (BidOrAuction bid : early.get()) {
            out.collect(joined(bid, row));
          }
        }
        early.clear();
        return;
      }
      BidOrAuction known = auction.value();
      if (known == null) {
        early.add(row);
      } else if (known.wanted) {
        out.collect(joined(row, known));
      }
    }

    private static BidOrAuction joined(BidOrAuction bid, BidOrAuction auction) {
      bid.itemName = auction.itemName;
      bid.seller = auction.seller;
      return bid;
    }
  }
}
