package cloze.train.log;

import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.Locale;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * A TensorBoard event file: records framed as in TFRecord, {@code length (8 bytes) crc (4) data crc (4)}, little-endian,
 * each an {@code Event} message of protocol buffers.
 *
 * @see <a href="https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/util/event.proto">event.proto</a>
 */
final class EventFile implements TrainingListener, Closeable {
    private static final int CRC_MASK = 0xa282ead8;

    private final OutputStream out;

    private EventFile(OutputStream out) {
        this.out = out;
    }

    /** Creates a file; TensorBoard then ignores steps after {@code step} in older files of the folder. */
    static EventFile open(Path folder, long step) throws IOException {
        long seconds = Instant.now().getEpochSecond();
        Path file = folder.resolve(name(seconds, 0));
        for (int count = 1; Files.exists(file); count++) {
            file = folder.resolve(name(seconds, count));
        }
        var events =
                new EventFile(new BufferedOutputStream(Files.newOutputStream(file, StandardOpenOption.CREATE_NEW)));
        events.write(0, new Protobuf().text(3, "brain.Event:2"));
        if (step > 0) {
            events.write(step + 1, new Protobuf().message(7, new Protobuf().whole(1, 1))); // SessionLog.START
        }
        events.flush();
        return events;
    }

    private static String name(long seconds, int count) {
        return String.format(Locale.ROOT, "events.out.tfevents.%010d.cloze.%d", seconds, count);
    }

    @Override
    public void on(TrainingEvent event) throws IOException {
        switch (event) {
            case TrainingEvent.Step step -> write(step);
            case TrainingEvent.Evaluated evaluated -> write(evaluated);
            case TrainingEvent.Sampled sampled -> write(sampled);
            case TrainingEvent.Started _, TrainingEvent.Checkpointed _, TrainingEvent.Ended _ -> {}
        }
    }

    private void write(TrainingEvent.Step step) throws IOException {
        var summary = new Protobuf();
        summary.message(1, scalar("train/loss", step.loss()));
        summary.message(1, scalar("train/learning_rate", step.learningRate()));
        summary.message(1, scalar("train/gradient_norm", step.gradientNorm()));
        summary.message(1, scalar("train/units_per_second", step.unitsPerSecond()));
        write(step.step(), new Protobuf().message(5, summary));
    }

    private void write(TrainingEvent.Evaluated evaluated) throws IOException {
        var summary = new Protobuf();
        for (Map.Entry<String, Double> metric : evaluated.metrics().entrySet()) {
            summary.message(1, scalar("evaluation/" + metric.getKey(), metric.getValue()));
        }
        write(evaluated.step(), new Protobuf().message(5, summary));
        flush();
    }

    /** A string tensor for the text plugin. */
    private void write(TrainingEvent.Sampled sampled) throws IOException {
        var plugin = new Protobuf().message(1, new Protobuf().text(1, "text"));
        var tensor = new Protobuf().whole(1, 7).message(2, new Protobuf()).text(8, sampled.text()); // DT_STRING
        var value = new Protobuf().text(1, "sample").message(9, plugin).message(8, tensor);
        write(sampled.step(), new Protobuf().message(5, new Protobuf().message(1, value)));
        flush();
    }

    private static Protobuf scalar(String tag, double value) {
        return new Protobuf().text(1, tag).f32(2, (float) value);
    }

    private void write(long step, Protobuf what) throws IOException {
        Instant now = Instant.now();
        var event = new Protobuf().f64(1, now.getEpochSecond() + now.getNano() / 1e9);
        if (step != 0) {
            event.whole(2, step);
        }
        record(event.append(what).bytes());
    }

    private void record(byte[] data) throws IOException {
        byte[] length = little(Long.BYTES).putLong(data.length).array();
        out.write(length);
        out.write(little(Integer.BYTES).putInt(maskedCrc(length)).array());
        out.write(data);
        out.write(little(Integer.BYTES).putInt(maskedCrc(data)).array());
    }

    private static ByteBuffer little(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** CRC-32C, rotated and shifted so that a CRC of data with CRCs in it stays one. */
    static int maskedCrc(byte[] data) {
        var crc = new CRC32C();
        crc.update(data);
        return Integer.rotateRight((int) crc.getValue(), 15) + CRC_MASK;
    }

    void flush() throws IOException {
        out.flush();
    }

    @Override
    public void close() throws IOException {
        out.close();
    }
}
