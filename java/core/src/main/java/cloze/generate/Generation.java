package cloze.generate;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.model.CausalModel;
import cloze.nn.DecoderState;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import cloze.text.token.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/**
 * Continues a batch of prompts. When a row fills the model's context, all rows keep only its
 * last half. Only ids of the tokenizer are drawn, although a model may have more. An interrupt ends all texts after the
 * token under way; the thread stays interrupted.
 */
public final class Generation {
    /** Receives text as it is generated. */
    @FunctionalInterface
    public interface Sink {
        void accept(int row, String text);
    }

    private final Backend backend;
    private final CausalModel model;
    private final Tokenizer tokenizer;
    private final Sampling sampling;
    private final TextBounds bounds;
    private final BitSet without; // ids that have no token
    private final List<Row> rows = new ArrayList<>();

    public Generation(
            Backend backend,
            CausalModel model,
            Tokenizer tokenizer,
            TextBounds bounds,
            Sampling sampling,
            List<int[]> prompts,
            Sink sink) {
        this.backend = backend;
        this.model = model;
        this.tokenizer = tokenizer;
        this.bounds = bounds;
        this.sampling = sampling;
        without = without(tokenizer, model.vocabulary(), bounds);
        for (int[] prompt : prompts) {
            int row = rows.size();
            rows.add(new Row(
                    prompt, new Sampler(sampling, row), new TextStream(sampling.stop(), t -> sink.accept(row, t))));
        }
    }

    private static BitSet without(Tokenizer tokenizer, int vocabulary, TextBounds bounds) {
        var without = new BitSet(vocabulary);
        int known = Math.min(vocabulary, tokenizer.vocabularySize());
        for (int id = 0; id < known; id++) {
            without.set(id, tokenizer.bytes(id).length == 0);
        }
        without.set(known, vocabulary);
        bounds.ends().forEach(without::clear);
        if (without.cardinality() == vocabulary) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "Generation: tokenizer must have a token among the model's %d ids, but has none",
                    vocabulary));
        }
        return without;
    }

    /** One sequence: the tokens that the model has not read yet, and the generated tokens. */
    private static final class Row {
        private final Sampler sampler;
        private final TextStream text;
        private int[] ids;
        private int length;
        private boolean done;

        Row(int[] prompt, Sampler sampler, TextStream text) {
            this.ids = prompt.clone();
            this.length = prompt.length;
            this.sampler = sampler;
            this.text = text;
        }

        void add(int id) {
            if (length == ids.length) {
                ids = Arrays.copyOf(ids, 2 * length + 16);
            }
            ids[length++] = id;
        }
    }

    public void run() {
        if (rows.isEmpty() || sampling.tokens() == 0) {
            return;
        }
        int context = model.context();
        try (Scope scope = backend.memory().scope("generation")) {
            DecoderState state = model.state(backend, scope, rows.size(), context);
            float[] logits = fill(scope, state, context);
            for (int made = 0; ; made++) {
                draw(logits);
                if (made + 1 == sampling.tokens()
                        || rows.stream().allMatch(row -> row.done)
                        || Thread.currentThread().isInterrupted()) {
                    break;
                }
                logits = full(state) ? fill(scope, state, Math.max(1, context / 2)) : step(scope, state, lastIds(), 1);
            }
        }
        rows.forEach(row -> row.text.end());
    }

    private boolean full(DecoderState state) {
        for (int row = 0; row < state.batch(); row++) {
            if (state.length(row) == state.capacity()) {
                return true;
            }
        }
        return false;
    }

    private void draw(float[] logits) {
        int v = model.vocabulary();
        for (int i = 0; i < rows.size(); i++) {
            Row row = rows.get(i);
            for (int id = without.nextSetBit(0); id >= 0; id = without.nextSetBit(id + 1)) {
                logits[i * v + id] = Float.NEGATIVE_INFINITY;
            }
            int id = row.sampler.draw(logits, i * v, v);
            row.add(id);
            if (!row.done) {
                row.done = bounds.ends().contains(id) || row.text.add(tokenizer.bytes(id));
            }
        }
    }

    private int[] lastIds() {
        return rows.stream().mapToInt(row -> row.ids[row.length - 1]).toArray();
    }

    /** Feeds at most the last {@code most} tokens of every row into an empty state. */
    private float[] fill(Scope scope, DecoderState state, int most) {
        int[] lengths =
                rows.stream().mapToInt(row -> Math.min(row.length, most)).toArray();
        int t = Arrays.stream(lengths).max().orElseThrow();
        int[] ids = new int[rows.size() * t];
        for (int i = 0; i < lengths.length; i++) {
            Row row = rows.get(i);
            System.arraycopy(row.ids, row.length - lengths[i], ids, i * t, lengths[i]);
        }
        state.clear();
        return step(scope, state, ids, lengths);
    }

    private float[] step(Scope scope, DecoderState state, int[] ids, int each) {
        int[] counts = new int[rows.size()];
        Arrays.fill(counts, each);
        return step(scope, state, ids, counts);
    }

    /**
     * Runs the next tokens of every row, padded to the same number. Returns the logits after the last token of each
     * row.
     */
    private float[] step(Scope scope, DecoderState state, int[] ids, int[] counts) {
        int b = rows.size();
        try (Scope inner = scope.child("token")) {
            Tensor batch = backend.set(inner.tensor("ids", new Shape(b, ids.length / b), DType.I32), ids);
            int[] ends = Arrays.stream(counts).map(count -> count - 1).toArray();
            Tensor last = backend.set(inner.tensor("ends", new Shape(b, 1), DType.I32), ends);
            Tensor logits = model.next(Tape.inference(backend, inner), batch, last, state);
            state.advance(counts);
            return Objects.requireNonNull(backend.floats(logits));
        }
    }
}
