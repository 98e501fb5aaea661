package tidemark.bench;

/** One of the three, as the events of the Nexmark suite for Flink are. Fields are public: Flink's POJO rules. */
public class Event {
  public Person person;
  public Auction auction;
  public Bid bid;

  public Event() {}

  /** Milliseconds since 1970. */
  public long dateTime() {
    return bid != null ? bid.dateTime : auction != null ? auction.dateTime : person.dateTime;
  }

  public static class Person {
    public long id;
    public String name;
    public String email;
    public String creditCard;
    public String city;
    public String state;
    public long dateTime;

    public Person() {}
  }

  public static class Auction {
    public long id;
    public String itemName;
    public String description;
    public long initialBid;
    public long reserve;
    public long dateTime;
    public long expires;
    public long seller;
    public long category;

    public Auction() {}
  }

  public static class Bid {
    public long auction;
    public long bidder;
    /** Cents. */
    public long price;
    public long dateTime;

    public Bid() {}

    public Bid(long auction, long bidder, long price, long dateTime) {
      this.auction = auction;
      this.bidder = bidder;
      this.price = price;
      this.dateTime = dateTime;
    }
  }

  /** A bid whose price is no longer whole cents (q1). */
  public static class ConvertedBid {
    public long auction;
    public long bidder;
    public double price;
    public long dateTime;

    public ConvertedBid() {}

    public ConvertedBid(long auction, long bidder, double price, long dateTime) {
      this.auction = auction;
      this.bidder = bidder;
      this.price = price;
      this.dateTime = dateTime;
    }
  }
}
