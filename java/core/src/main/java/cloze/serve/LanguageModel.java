package cloze.serve;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.generate.Generation;
import cloze.generate.Sampling;
import cloze.generate.TextBounds;
import cloze.model.CausalModel;
import cloze.nn.Parameters;
import cloze.recipe.Models;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import cloze.text.token.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.function.Consumer;

/**
 * A trained language model with its tokenizer, for applications: continues text and gives its probability. Thread-safe: one
 * loaded model serves any number of threads at a time.
 */
public final class LanguageModel implements AutoCloseable {
    private final Backend backend;
    private final boolean ownsBackend;
    private final Scope scope;
    private final CausalModel model;
    private final Parameters parameters;
    private final Tokenizer tokenizer;
    private final TextBounds bounds;
    private final Lifetime lifetime;

    private LanguageModel(
            Backend backend,
            boolean ownsBackend,
            Scope scope,
            Parameters.Built<? extends CausalModel> built,
            Tokenizer tokenizer,
            TextBounds bounds) {
        this.backend = backend;
        this.ownsBackend = ownsBackend;
        this.scope = scope;
        this.model = built.model();
        this.parameters = built.parameters();
        this.tokenizer = tokenizer;
        this.bounds = bounds;
        lifetime = new Lifetime("LanguageModel " + scope.name());
    }

    /**
     * Loads a run folder, or a folder in the layout of Hugging Face's GPT-2, onto the CPU.
     *
     * @throws IOException naming the file and what is wrong with it
     */
    public static LanguageModel load(Path folder) throws IOException {
        Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
        try {
            return load(folder, backend, true);
        } catch (IOException | RuntimeException e) {
            backend.close();
            throw e;
        }
    }

    /** Loads onto a device that the caller opened, and closes. */
    public static LanguageModel load(Path folder, Backend backend) throws IOException {
        return load(folder, backend, false);
    }

    private static LanguageModel load(Path folder, Backend backend, boolean ownsBackend) throws IOException {
        Scope scope = backend.memory().scope(folder.toString());
        try {
            Models.Loaded<CausalModel> loaded = Models.language(folder, backend, scope);
            Tokenizer tokenizer = Objects.requireNonNull(loaded.companions().tokenizer());
            int v = loaded.model().vocabulary();
            if (tokenizer.vocabularySize() > v) {
                throw new IOException(String.format(
                        Locale.ROOT,
                        "%s: the tokenizer has %d tokens, but the model only %d",
                        folder,
                        tokenizer.vocabularySize(),
                        v));
            }
            TextBounds bounds = TextBounds.read(folder, tokenizer);
            return new LanguageModel(backend, ownsBackend, scope, loaded.built(), tokenizer, bounds);
        } catch (IOException | RuntimeException e) {
            scope.close();
            throw e;
        }
    }

    /** A model in memory, which the caller closes. */
    public static LanguageModel of(
            Backend backend, Parameters.Built<? extends CausalModel> built, Tokenizer tokenizer) {
        Scope scope = backend.memory().scope("language model");
        return new LanguageModel(backend, false, scope, built, tokenizer, TextBounds.of(tokenizer));
    }

    public CausalModel model() {
        return model;
    }

    public Parameters parameters() {
        return parameters;
    }

    public Tokenizer tokenizer() {
        return tokenizer;
    }

    public Backend backend() {
        return backend;
    }

    /** The text that follows the prompt. An interrupted thread ends it early and stays interrupted. */
    public String generate(String prompt, Sampling sampling) {
        return generate(List.of(prompt), sampling).getFirst();
    }

    /**
     * The texts that follow the prompts, computed together; each as if it were alone, except for its random numbers.
     */
    public List<String> generate(List<String> prompts, Sampling sampling) {
        List<StringBuilder> texts =
                prompts.stream().map(_ -> new StringBuilder()).toList();
        run(prompts, sampling, (row, text) -> texts.get(row).append(text));
        return texts.stream().map(StringBuilder::toString).toList();
    }

    /** Passes on the text that follows the prompt while it is generated, in whole characters. */
    public void generate(String prompt, Sampling sampling, Consumer<String> sink) {
        run(List.of(prompt), sampling, (_, text) -> sink.accept(text));
    }

    private void run(List<String> prompts, Sampling sampling, Generation.Sink sink) {
        generate(prompts.stream().map(tokenizer::encode).toList(), sampling, sink);
    }

    /**
     * Continues prompts of tokens, such as those of {@code tokenizer().ordinary()}, for which special tokens in a text are
     * ordinary characters. A prompt without tokens begins a text.
     *
     * @param prompts ids of the tokenizer
     */
    public void generate(List<int[]> prompts, Sampling sampling, Generation.Sink sink) {
        List<int[]> ids = prompts.stream()
                .map(prompt -> prompt.length > 0 ? known(prompt) : new int[] {bounds.start()})
                .toList();
        lifetime.call(() -> {
            new Generation(backend, model, tokenizer, bounds, sampling, ids, sink).run();
            return ids;
        });
    }

    private int[] known(int[] ids) {
        for (int id : ids) {
            if (id < 0 || id >= tokenizer.vocabularySize()) {
                throw new IllegalArgumentException(String.format(
                        Locale.ROOT,
                        "LanguageModel: ids must be in [0, %d), but one is %d",
                        tokenizer.vocabularySize(),
                        id));
            }
        }
        return ids;
    }

    /**
     * Scores a text as it begins after the end of another one, or after a new line where texts have no end.
     *
     * @throws CancellationException if the thread is interrupted before the end
     */
    public Score score(String text) {
        return score(tokenizer.encode(text));
    }

    /**
     * Scores a text of tokens, such as those of {@code tokenizer().ordinary()}.
     *
     * @param ids of the tokenizer
     * @throws CancellationException if the thread is interrupted before the end
     */
    public Score score(int... ids) {
        if (ids.length == 0) {
            throw new IllegalArgumentException("an empty text has no score");
        }
        int[] checked = known(ids);
        float[] losses = lifetime.call(() -> losses(checked));
        var tokens = new ArrayList<Score.Token>(ids.length);
        long bytes = 0;
        for (int i = 0; i < ids.length; i++) {
            bytes += tokenizer.bytes(ids[i]).length;
            tokens.add(new Score.Token(ids[i], tokenizer.decode(ids[i]), -losses[i]));
        }
        return new Score(tokens, bytes);
    }

    /** {@code -log p} of each token, in windows that overlap by half, so that each has at least half a context. */
    private float[] losses(int[] ids) {
        int context = model.context();
        int[] sequence = new int[ids.length + 1];
        sequence[0] = bounds.start();
        System.arraycopy(ids, 0, sequence, 1, ids.length);
        float[] losses = new float[ids.length];
        int scored = 0;
        while (scored < ids.length) {
            if (Thread.currentThread().isInterrupted()) {
                throw new CancellationException(String.format(
                        Locale.ROOT, "interrupted after %,d of %,d tokens were scored", scored, ids.length));
            }
            int from = scored == 0 ? 0 : Math.max(0, scored - context / 2);
            int count = Math.min(context, ids.length - from);
            float[] window = window(sequence, from, count);
            System.arraycopy(window, scored - from, losses, scored, from + count - scored);
            scored = from + count;
        }
        return losses;
    }

    private float[] window(int[] sequence, int from, int count) {
        try (Scope step = backend.memory().scope("score")) {
            var shape = new Shape(1, count);
            Tensor ids =
                    backend.set(step.tensor("ids", shape, DType.I32), Arrays.copyOfRange(sequence, from, from + count));
            Tensor targets = backend.set(
                    step.tensor("targets", shape, DType.I32), Arrays.copyOfRange(sequence, from + 1, from + count + 1));
            Tape tape = Tape.inference(backend, step);
            return backend.floats(model.losses(tape, ids, targets).get(1));
        }
    }

    /**
     * Waits for calls under way, then frees the model, and its device if it opened one. Later calls throw an {@link IllegalStateException}; a
     * second close does nothing.
     *
     * @throws IllegalStateException if it is called within a call, as by what receives generated text
     */
    @Override
    public void close() {
        lifetime.close(() -> {
            scope.close();
            if (ownsBackend) {
                backend.close();
            }
        });
    }
}
