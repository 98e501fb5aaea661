package tidemark.bench;

import java.util.Random;

/**
 * Nexmark events, each a pure function of its number: the rules of ../generator.mjs, which says what they are.
 * The random generator is the original one, so the events are equal to the last character.
 */
final class Generator {
  private static final String[] FIRST_NAMES = {
    "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"
  };
  private static final String[] LAST_NAMES = {
    "Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"
  };
  private static final String[] CITIES = {
    "Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"
  };
  private static final String[] STATES = {"AZ", "CA", "ID", "OR", "WA", "WY"};

  private static final int ROUND = 50;
  private static final int PERSONS = 1;
  private static final int AUCTIONS = 3;
  private static final int FIRST_ID = 1000;
  private static final int FIRST_CATEGORY = 10;
  private static final int CATEGORIES = 5;
  private static final int HOT_BATCH = 100;
  private static final int ACTIVE_PERSONS = 1000;
  private static final int OPEN_AUCTIONS = 100;
  private static final int LEAD = 10;
  private static final int DELAY_US = 100;
  private static final long BASE_TIME = 1_436_918_400_000L;

  private final Random random = new Random();

  Event event(long n) {
    random.setSeed(n);
    long within = n % ROUND;
    Event event = new Event();
    if (within < PERSONS) {
      event.person = person(n);
    } else if (within < PERSONS + AUCTIONS) {
      event.auction = auction(n);
    } else {
      event.bid = bid(n);
    }
    return event;
  }

  private static long timeOf(long n) {
    return BASE_TIME + n * DELAY_US / 1000;
  }

  private static long lastPerson(long n) {
    return n / ROUND;
  }

  private static long lastAuction(long n) {
    long round = n / ROUND;
    long within = n % ROUND;
    if (within < PERSONS) {
      return AUCTIONS * (round - 1) + AUCTIONS - 1;
    }
    return AUCTIONS * round + Math.min(within - PERSONS, AUCTIONS - 1);
  }

  private Event.Person person(long n) {
    Event.Person person = new Event.Person();
    person.name = one(FIRST_NAMES) + " " + one(LAST_NAMES);
    person.email = text(7) + "@" + text(5) + ".com";
    person.creditCard = group() + " " + group() + " " + group() + " " + group();
    person.city = one(CITIES);
    person.state = one(STATES);
    person.id = lastPerson(n) + FIRST_ID;
    person.dateTime = timeOf(n);
    return person;
  }

  private Event.Auction auction(long n) {
    Event.Auction auction = new Event.Auction();
    auction.dateTime = timeOf(n);
    boolean hot = random.nextInt(4) > 0;
    auction.seller = FIRST_ID + (hot ? lastPerson(n) / HOT_BATCH * HOT_BATCH : somePerson(n));
    auction.category = FIRST_CATEGORY + random.nextInt(CATEGORIES);
    auction.initialBid = price();
    long horizonMs = timeOf(n + OPEN_AUCTIONS * ROUND / AUCTIONS) - auction.dateTime;
    auction.expires = auction.dateTime + 1 + random.nextInt((int) Math.max(2 * horizonMs, 1));
    auction.itemName = text(20);
    auction.description = text(100);
    auction.reserve = auction.initialBid + price();
    auction.id = lastAuction(n) + FIRST_ID;
    return auction;
  }

  private Event.Bid bid(long n) {
    boolean hotAuction = random.nextInt(2) > 0;
    long auction = hotAuction ? lastAuction(n) / HOT_BATCH * HOT_BATCH : someAuction(n);
    boolean hotBidder = random.nextInt(4) > 0;
    long bidder = hotBidder ? lastPerson(n) / HOT_BATCH * HOT_BATCH + 1 : somePerson(n);
    return new Event.Bid(auction + FIRST_ID, bidder + FIRST_ID, price(), timeOf(n));
  }

  private long somePerson(long n) {
    long persons = lastPerson(n) + 1;
    long active = Math.min(persons, ACTIVE_PERSONS);
    return persons - active + random.nextInt((int) active + LEAD);
  }

  private long someAuction(long n) {
    long last = lastAuction(n);
    long first = Math.max(last - OPEN_AUCTIONS, 0);
    return first + random.nextInt((int) (last - first) + 1 + LEAD);
  }

  private long price() {
    return Math.round(Math.pow(10.0, random.nextDouble() * 6.0) * 100.0);
  }

  private String one(String[] list) {
    return list[random.nextInt(list.length)];
  }

  private String group() {
    String digits = Integer.toString(random.nextInt(10_000));
    return "0".repeat(4 - digits.length()) + digits;
  }

  private String text(int most) {
    StringBuilder text = new StringBuilder();
    for (int left = 3 + random.nextInt(most - 3); left > 0; left--) {
      text.append(random.nextInt(13) == 0 ? ' ' : (char) ('a' + random.nextInt(26)));
    }
    return text.toString().trim();
  }
}
