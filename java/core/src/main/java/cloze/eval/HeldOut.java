package cloze.eval;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.model.CausalModel;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import cloze.text.Tokens;
import cloze.text.ValidationBatches;
import cloze.train.Evaluation;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The loss over a whole held-out text, every token of it once, in windows side by side: {@code val_loss} in nats per
 * token, {@code val_bits_per_byte} of text, {@code val_perplexity}.
 */
public final class HeldOut implements Evaluation {
    /** Name of the mean of {@code -log p} over tokens, in nats. */
    public static final String LOSS = "val_loss";

    /** Name of the same in bits per byte of text. */
    public static final String BITS_PER_BYTE = "val_bits_per_byte";

    private final Backend backend;
    private final CausalModel model;
    private final Tokens tokens;
    private final double bytesPerToken;
    private final int batch;
    private final int time;

    /**
     * Evaluates on {@code tokens}.
     *
     * @param bytesPerToken of the text, to compare between tokenizers
     * @param batch B
     * @param time T, the window
     */
    public HeldOut(Backend backend, CausalModel model, Tokens tokens, double bytesPerToken, int batch, int time) {
        this.backend = backend;
        this.model = model;
        this.tokens = tokens;
        this.bytesPerToken = bytesPerToken;
        this.batch = batch;
        this.time = time;
    }

    @Override
    public Map<String, Double> evaluate() {
        double nats = nats();
        var metrics = new LinkedHashMap<String, Double>();
        metrics.put(LOSS, nats);
        metrics.put(BITS_PER_BYTE, nats / Math.log(2) / bytesPerToken);
        metrics.put("val_perplexity", Math.exp(nats));
        return metrics;
    }

    /** Mean of {@code -log p} over all tokens but the first. */
    public double nats() {
        var batches = new ValidationBatches(tokens, batch, time);
        var shape = new Shape(batch, time);
        double sum = 0;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment ids = arena.allocate(shape.size() * Integer.BYTES, Long.BYTES);
            MemorySegment targets = arena.allocate(shape.size() * Integer.BYTES, Long.BYTES);
            while (batches.next(ids, targets) > 0) {
                sum += sum(shape, ids, targets);
            }
        }
        return sum / batches.targets();
    }

    private double sum(Shape shape, MemorySegment ids, MemorySegment targets) {
        try (Scope scope = backend.memory().scope("evaluation")) {
            Tensor x = scope.tensor("ids", shape, DType.I32);
            Tensor y = scope.tensor("targets", shape, DType.I32);
            backend.upload(ids, x);
            backend.upload(targets, y);
            double sum = 0;
            for (float loss : backend.floats(
                    model.losses(Tape.inference(backend, scope), x, y).get(1))) {
                sum += loss; // 0 where the target is ignored
            }
            return sum;
        }
    }
}
