package cloze.train.log;

import cloze.train.RunFolder;
import java.io.Closeable;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Writes the events of a run into its folder: {@code metrics.jsonl} and a TensorBoard event file. */
public final class RunLog implements TrainingListener, Closeable {
    private final RunFolder folder;
    private @Nullable MetricsLog metrics;
    private @Nullable EventFile events;

    public RunLog(RunFolder folder) {
        this.folder = folder;
    }

    @Override
    public void on(TrainingEvent event) throws IOException {
        if (event instanceof TrainingEvent.Started started) {
            metrics = MetricsLog.open(folder.metrics(), started.step());
            events = EventFile.open(folder.path(), started.step());
        }
        if (metrics != null && events != null) {
            metrics.on(event);
            events.on(event);
        }
    }

    /** Forces written data to disk, so that a checkpoint's metrics are stored before the checkpoint. */
    public void sync() throws IOException {
        if (metrics != null && events != null) {
            metrics.sync();
            events.flush();
        }
    }

    @Override
    public void close() throws IOException {
        if (metrics != null) {
            metrics.close();
        }
        if (events != null) {
            events.close();
        }
    }
}
