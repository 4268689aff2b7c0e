package cloze.train;

import cloze.backend.Backend;
import cloze.checkpoint.Checkpoint;
import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.CheckpointWriter;
import cloze.checkpoint.Safetensors;
import cloze.checkpoint.SafetensorsWriter;
import cloze.checkpoint.StoredType;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.Map;

/** All that an exact resume needs: weights, moments, average, statistics, and the values that identify the run. */
final class TrainingState {
    private static final String EXTRA = "extra.";
    private static final ValueLayout.OfDouble DOUBLE =
            ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Backend backend;
    private final Step step;
    private final ExtraState extra;
    final OutlierWindow losses = new OutlierWindow();
    final OutlierWindow norms = new OutlierWindow();
    final BestEvaluation best;

    TrainingState(Backend backend, Step step, Guards guards, ExtraState extra) {
        this.backend = backend;
        this.step = step;
        this.extra = extra;
        best = new BestEvaluation(guards);
    }

    void addTo(CheckpointWriter checkpoint, double seconds) {
        addModel(checkpoint.model());
        SafetensorsWriter state = checkpoint.state();
        step.state().forEach((name, tensor) -> add(state, name, tensor));
        add(state, "losses", losses);
        add(state, "norms", norms);
        step.identity().forEach((key, text) -> checkpoint.put(key, text));
        checkpoint.put("updates", step.updates()).put("seconds", seconds);
        checkpoint.put("losses.count", losses.count()).put("norms.count", norms.count());
        checkpoint.put("best.value", best.value()).put("best.since", best.since());
        extra.save().forEach((key, text) -> checkpoint.put(EXTRA + key, text));
    }

    /** Adds the model: the average of the weights if there is one, else the weights. */
    void addModel(SafetensorsWriter model) {
        step.model().forEach((name, tensor) -> add(model, name, tensor));
    }

    private void add(SafetensorsWriter file, String name, Tensor tensor) {
        file.add(name, StoredType.of(tensor.dtype()), tensor.shape(), memory -> {
            MemorySegment host = memory.allocate(tensor.bytes());
            backend.download(tensor, host);
            return host;
        });
    }

    private static void add(SafetensorsWriter file, String name, OutlierWindow window) {
        file.add(name, StoredType.F64, new Shape(OutlierWindow.LENGTH), memory -> {
            MemorySegment host = memory.allocate(OutlierWindow.LENGTH * DOUBLE.byteSize());
            double[] values = window.values();
            for (int i = 0; i < values.length; i++) {
                host.setAtIndex(DOUBLE, i, values[i]);
            }
            return host;
        });
    }

    /**
     * Restores everything.
     *
     * @return seconds of training so far
     */
    double restore(Checkpoint checkpoint) throws IOException {
        for (var fact : step.identity().entrySet()) {
            require(checkpoint, fact.getKey(), fact.getValue());
        }
        restoreAll(checkpoint.model(), step.model());
        restoreAll(checkpoint.state(), step.state());
        step.resumeAt(checkpoint.whole("updates"));
        losses.restore(checkpoint.whole("losses.count"), window(checkpoint.state(), "losses"));
        norms.restore(checkpoint.whole("norms.count"), window(checkpoint.state(), "norms"));
        best.restore(checkpoint.number("best.value"), checkpoint.whole("best.since"));
        var saved = new LinkedHashMap<String, String>();
        checkpoint.state().metadata().forEach((key, text) -> {
            if (key.startsWith(EXTRA)) {
                saved.put(key.substring(EXTRA.length()), text);
            }
        });
        extra.restore(saved);
        return checkpoint.number("seconds");
    }

    private static void require(Checkpoint checkpoint, String key, String expected) throws CheckpointException {
        String actual = checkpoint.text(key);
        if (!actual.equals(expected)) {
            throw new CheckpointException(
                    checkpoint.state().path(), key, expected + " as this run is configured", actual);
        }
    }

    private void restoreAll(Safetensors file, Map<String, Tensor> tensors) throws IOException {
        for (var entry : tensors.entrySet()) {
            String name = entry.getKey();
            Tensor tensor = entry.getValue();
            var stored = file.tensor(name);
            if (stored.type() != StoredType.of(tensor.dtype())
                    || !stored.shape().equals(tensor.shape())) {
                throw new CheckpointException(file.path(), name, tensor.toString(), stored.toString());
            }
            backend.upload(file.segment(name), tensor);
        }
    }

    private static double[] window(Safetensors file, String name) throws IOException {
        var values = new double[OutlierWindow.LENGTH];
        file.copyBytesTo(name, StoredType.F64, MemorySegment.ofArray(values));
        return values;
    }
}
