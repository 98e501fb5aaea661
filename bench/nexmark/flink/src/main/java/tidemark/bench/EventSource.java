package tidemark.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SourceSplit;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.core.io.InputStatus;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/** Events in memory, or made while they are read (FLIP-27). Part i of k gives events i, i + k, … */
final class EventSource implements Source<Event, EventSource.Part, List<EventSource.Part>> {
  private final long count;
  private final int parts;

  EventSource(long count, int parts) {
    this.count = count;
    this.parts = parts;
  }

  record Part(int index, long next) implements SourceSplit {
    @Override
    public String splitId() {
      return Integer.toString(index);
    }
  }

  @Override
  public Boundedness getBoundedness() {
    return Boundedness.BOUNDED;
  }

  @Override
  public SplitEnumerator<Part, List<Part>> createEnumerator(SplitEnumeratorContext<Part> context) {
    List<Part> all = new ArrayList<>();
    for (int i = 0; i < parts; i++) {
      all.add(new Part(i, i));
    }
    return restoreEnumerator(context, all);
  }

  @Override
  public SplitEnumerator<Part, List<Part>> restoreEnumerator(SplitEnumeratorContext<Part> context, List<Part> left) {
    return new Enumerator(context, left);
  }

  @Override
  public SourceReader<Event, Part> createReader(SourceReaderContext context) {
    return new Reader(context, count, parts);
  }

  private static final class Reader implements SourceReader<Event, Part> {
    private final SourceReaderContext context;
    private final long count;
    private final int step;
    private final Event[] events = Run.events;
    private final Generator generator = events == null ? new Generator() : null;
    private final ArrayDeque<Part> waiting = new ArrayDeque<>();
    private CompletableFuture<Void> available = new CompletableFuture<>();
    private Part part;
    private long next;
    private boolean noMore;

    Reader(SourceReaderContext context, long count, int step) {
      this.context = context;
      this.count = count;
      this.step = step;
    }

    @Override
    public void start() {
      context.sendSplitRequest();
    }

    @Override
    public InputStatus pollNext(ReaderOutput<Event> output) {
      if (part == null) {
        part = waiting.poll();
        if (part == null) {
          return noMore ? InputStatus.END_OF_INPUT : InputStatus.NOTHING_AVAILABLE;
        }
        next = part.next();
        Run.first();
      }
      if (next >= count) {
        part = null;
        context.sendSplitRequest();
        available = noMore ? CompletableFuture.completedFuture(null) : new CompletableFuture<>();
        return noMore ? InputStatus.END_OF_INPUT : InputStatus.NOTHING_AVAILABLE;
      }
      Event event = events != null ? events[(int) next] : generator.event(next);
      next += step;
      output.collect(event, event.dateTime());
      return InputStatus.MORE_AVAILABLE;
    }

    @Override
    public List<Part> snapshotState(long checkpoint) {
      List<Part> state = new ArrayList<>(waiting);
      if (part != null) {
        state.add(new Part(part.index(), next));
      }
      return state;
    }

    @Override
    public CompletableFuture<Void> isAvailable() {
      return available;
    }

    @Override
    public void addSplits(List<Part> splits) {
      waiting.addAll(splits);
      available.complete(null);
    }

    @Override
    public void notifyNoMoreSplits() {
      noMore = true;
      available.complete(null);
    }

    @Override
    public void close() {}
  }

  private static final class Enumerator implements SplitEnumerator<Part, List<Part>> {
    private final SplitEnumeratorContext<Part> context;
    private final ArrayDeque<Part> left;

    Enumerator(SplitEnumeratorContext<Part> context, List<Part> left) {
      this.context = context;
      this.left = new ArrayDeque<>(left);
    }

    @Override
    public void start() {}

    @Override
    public void handleSplitRequest(int subtask, String host) {
      Part part = left.poll();
      if (part == null) {
        context.signalNoMoreSplits(subtask);
      } else {
        context.assignSplit(part, subtask);
      }
    }

    @Override
    public void addSplitsBack(List<Part> splits, int subtask) {
      left.addAll(splits);
    }

    @Override
    public void addReader(int subtask) {}

    @Override
    public List<Part> snapshotState(long checkpoint) {
      return new ArrayList<>(left);
    }

    @Override
    public void close() {}
  }

  @Override
  public SimpleVersionedSerializer<Part> getSplitSerializer() {
    return new PartSerializer();
  }

  @Override
  public SimpleVersionedSerializer<List<Part>> getEnumeratorCheckpointSerializer() {
    return new PartsSerializer();
  }

  private static byte[] bytesOf(Collection<Part> parts) {
    ByteBuffer buffer = ByteBuffer.allocate(parts.size() * 12);
    for (Part part : parts) {
      buffer.putInt(part.index()).putLong(part.next());
    }
    return buffer.array();
  }

  private static List<Part> partsOf(byte[] bytes) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    List<Part> parts = new ArrayList<>();
    while (buffer.hasRemaining()) {
      parts.add(new Part(buffer.getInt(), buffer.getLong()));
    }
    return parts;
  }

  private static final class PartSerializer implements SimpleVersionedSerializer<Part> {
    @Override
    public int getVersion() {
      return 1;
    }

    @Override
    public byte[] serialize(Part part) throws IOException {
      return bytesOf(List.of(part));
    }

    @Override
    public Part deserialize(int version, byte[] bytes) throws IOException {
      return partsOf(bytes).get(0);
    }
  }

  private static final class PartsSerializer implements SimpleVersionedSerializer<List<Part>> {
    @Override
    public int getVersion() {
      return 1;
    }

    @Override
    public byte[] serialize(List<Part> parts) throws IOException {
      return bytesOf(parts);
    }

    @Override
    public List<Part> deserialize(int version, byte[] bytes) throws IOException {
      return partsOf(bytes);
    }
  }
}
