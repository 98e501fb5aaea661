package tidemark.bench;

import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What the source and the sink of one run tell the program: the job runs in this JVM, so they meet in static
 * fields. Times are System.nanoTime().
 */
final class Run {
  /** Made before the first run; null if events are made while they are read. */
  static volatile Event[] events;

  static final AtomicLong firstNanos = new AtomicLong();
  static final AtomicLong lastNanos = new AtomicLong();
  static final AtomicLong results = new AtomicLong();
  /** Results as lines; null if they are only counted. */
  static volatile ConcurrentLinkedQueue<List<String>> lines;

  private Run() {}

  static void reset(boolean withLines) {
    firstNanos.set(0);
    lastNanos.set(0);
    results.set(0);
    lines = withLines ? new ConcurrentLinkedQueue<>() : null;
  }

  static void first() {
    firstNanos.compareAndSet(0, System.nanoTime());
  }

  static void last(long counted) {
    results.addAndGet(counted);
    long now = System.nanoTime();
    lastNanos.accumulateAndGet(now, Math::max);
  }
}
