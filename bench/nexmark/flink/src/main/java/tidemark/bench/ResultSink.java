package tidemark.bench;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;

/** Counts results and forgets them, or keeps them as lines. Its end of input is the end of a run. */
final class ResultSink<T> implements Sink<T> {
  interface Line<T> extends Serializable {
    String of(T result);
  }

  private final Line<T> line;

  ResultSink(Line<T> line) {
    this.line = line;
  }

  @Override
  public SinkWriter<T> createWriter(WriterInitContext context) {
    return Run.lines == null ? new Counting<>() : new Keeping<>(line);
  }

  private static final class Counting<T> implements SinkWriter<T> {
    private long count;

    @Override
    public void write(T result, Context context) {
      count++;
    }

    @Override
    public void flush(boolean endOfInput) {
      if (endOfInput) {
        Run.last(count);
      }
    }

    @Override
    public void close() {}
  }

  private static final class Keeping<T> implements SinkWriter<T> {
    private final Line<T> line;
    private final List<String> lines = new ArrayList<>();

    Keeping(Line<T> line) {
      this.line = line;
    }

    @Override
    public void write(T result, Context context) {
      lines.add(line.of(result));
    }

    @Override
    public void flush(boolean endOfInput) {
      if (endOfInput) {
        Run.lines.add(lines);
        Run.last(lines.size());
      }
    }

    @Override
    public void close() {}
  }
}
