package tidemark.bench;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/** The aggregates of windows. Accumulators are changed in place. */
final class Counts {
  private Counts() {}

  static final class Count<T> implements AggregateFunction<T, Counter, Long> {
    @Override
    public Counter createAccumulator() {
      return new Counter();
    }

    @Override
    public Counter add(T value, Counter counter) {
      counter.count++;
      return counter;
    }

    @Override
    public Long getResult(Counter counter) {
      return counter.count;
    }

    @Override
    public Counter merge(Counter a, Counter b) {
      a.count += b.count;
      return a;
    }
  }

  public static class Counter {
    public long count;

    public Counter() {}
  }

  /** (key, count, end of the window). */
  static final class WithEnd extends ProcessWindowFunction<Long, Tuple3<Long, Long, Long>, Long, TimeWindow> {
    @Override
    public void process(Long key, Context context, Iterable<Long> counts, Collector<Tuple3<Long, Long, Long>> out) {
      out.collect(Tuple3.of(key, counts.iterator().next(), context.window().getEnd()));
    }
  }

  interface Height<T> extends ToLongFunction<T>, Serializable {}

  /** All values with the largest height, in order of arrival. */
  static final class Highest<T> implements AggregateFunction<T, Highest.Top<T>, List<T>> {
    private final Height<T> height;

    Highest(Height<T> height) {
      this.height = height;
    }

    static final class Top<T> implements Serializable {
      long best = -1;
      List<T> all = new ArrayList<>();
    }

    @Override
    public Top<T> createAccumulator() {
      return new Top<>();
    }

    @Override
    public Top<T> add(T value, Top<T> top) {
      long of = height.applyAsLong(value);
      if (of < top.best) {
        return top;
      }
      if (of > top.best) {
        top.best = of;
        top.all.clear();
      }
      top.all.add(value);
      return top;
    }

    @Override
    public List<T> getResult(Top<T> top) {
      return top.all;
    }

    @Override
    public Top<T> merge(Top<T> a, Top<T> b) {
      if (a.best == b.best) {
        a.all.addAll(b.all);
      }
      return a.best >= b.best ? a : b;
    }
  }

  public static class Seen {
    public String name;
    public boolean opened;

    public Seen() {}
  }

  /** Of (id, name or null): the name, if the id was seen with a name and without one. */
  static final class PersonWithAuction
      implements AggregateFunction<Tuple2<Long, String>, Seen, Seen> {
    @Override
    public Seen createAccumulator() {
      return new Seen();
    }

    @Override
    public Seen add(Tuple2<Long, String> value, Seen seen) {
      if (value.f1.isEmpty()) {
        seen.opened = true;
      } else {
        seen.name = value.f1;
      }
      return seen;
    }

    @Override
    public Seen getResult(Seen seen) {
      return seen;
    }

    @Override
    public Seen merge(Seen a, Seen b) {
      a.opened |= b.opened;
      if (a.name == null) {
        a.name = b.name;
      }
      return a;
    }
  }

  /** (id, name, start of the window) of persons who opened an auction. */
  static final class NewSeller extends ProcessWindowFunction<Seen, Tuple3<Long, String, Long>, Long, TimeWindow> {
    @Override
    public void process(Long id, Context context, Iterable<Seen> all, Collector<Tuple3<Long, String, Long>> out) {
      Seen seen = all.iterator().next();
      if (seen.opened && seen.name != null) {
        out.collect(Tuple3.of(id, seen.name, context.window().getStart()));
      }
    }
  }
}
