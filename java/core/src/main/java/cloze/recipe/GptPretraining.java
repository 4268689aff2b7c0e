package cloze.recipe;

import cloze.backend.Backend;
import cloze.eval.HeldOut;
import cloze.foreign.GptFolder;
import cloze.io.Progress;
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.nn.Parameters;
import cloze.serve.LanguageModel;
import cloze.task.NextToken;
import cloze.tensor.Scope;
import cloze.text.TextData;
import cloze.text.Tokens;
import cloze.text.token.Tokenizer;
import cloze.train.ExtraState;
import cloze.train.MemoryEstimate;
import cloze.train.RunFolder;
import cloze.train.Trainer;
import cloze.train.TrainingHooks;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/**
 * Pre-trains a GPT on a text into a run folder, from the start or from where a run was interrupted:
 *
 * <pre>
 * try (RunFolder folder = RunFolder.create(path);
 *         GptPretraining run = GptPretraining.start(folder, GptOptions.of("nano"), backend, cache, progress)) {
 *     run.trainer(TrainingHooks.NONE).run();
 * }
 * </pre>
 */
public final class GptPretraining implements AutoCloseable {
    private static final String OPTIONS = "pretraining";
    private final RunFolder folder;
    private final GptOptions options;
    private final Backend backend;
    private final TextData data;
    private final Scope scope;
    private final Parameters.Built<Gpt> built;

    private GptPretraining(RunFolder folder, GptOptions options, Backend backend, TextData data) {
        this.folder = folder;
        this.options = options;
        this.backend = backend;
        this.data = data;
        scope = backend.memory().scope("model");
        built = build(backend, scope);
    }

    private Parameters.Built<Gpt> build(Backend device, Scope owner) {
        GptConfig config = options.model(data.tokenizer().vocabularySize());
        Parameters.Built<Gpt> model = Parameters.build(device, owner, options.seed(), p -> new Gpt(config, p));
        model.model().withRecompute(options.size().recompute());
        return model;
    }

    /**
     * Begins a run: reads the text, makes the model, writes {@code config.json} and {@code tokenizer.json}.
     *
     * @param cache folder for texts that are installed and encoded
     */
    public static GptPretraining start(
            RunFolder folder, GptOptions options, Backend backend, Path cache, Progress progress) throws IOException {
        TextData data = TextData.prepare(options.text(), cache, progress);
        data.tokenizer().save(folder.tokenizer());
        Map<String, Object> model =
                GptFolder.json(options.model(data.tokenizer().vocabularySize()));
        RunConfig.write(folder.config(), model, OPTIONS, options);
        return new GptPretraining(folder, options, backend, data);
    }

    /** Goes on with a run as its folder describes it. */
    public static GptPretraining resume(RunFolder folder, Backend backend, Path cache, Progress progress)
            throws IOException {
        GptOptions options = options(folder);
        Tokenizer tokenizer = Tokenizer.load(folder.tokenizer());
        return new GptPretraining(
                folder, options, backend, TextData.prepare(options.text(), tokenizer, cache, progress));
    }

    /** The options that a run was started with. */
    public static GptOptions options(RunFolder folder) throws IOException {
        return RunConfig.options(folder.config(), OPTIONS, GptOptions.class, Map.of());
    }

    public GptOptions options() {
        return options;
    }

    public TextData data() {
        return data;
    }

    public Gpt model() {
        return built.model();
    }

    public Parameters parameters() {
        return built.parameters();
    }

    /** The model as it is, to generate and score with. */
    public LanguageModel languageModel() {
        return LanguageModel.of(backend, built, data.tokenizer());
    }

    /** What a step takes, found without running it. */
    public MemoryEstimate memory() {
        return MemoryEstimate.of(
                (device, owner) -> objective(build(device, owner), data.train()),
                options.training(),
                backend.precision());
    }

    private NextToken objective(Parameters.Built<Gpt> model, Tokens tokens) {
        GptOptions.Size size = options.size();
        return new NextToken(model.model(), model.parameters(), tokens, size.batch(), size.context(), options.seed());
    }

    /** The loss on the held-out text. */
    public HeldOut heldOut() {
        int rows = Math.max(1, Math.min(64, 8192 / options.size().context()));
        return new HeldOut(
                backend,
                model(),
                data.heldOut(),
                data.bytesPerToken(),
                rows,
                options.size().context());
    }

    /** The loop; it evaluates on the held-out text; hooks are what else to do on the way. */
    public Trainer trainer(TrainingHooks hooks) {
        TrainingHooks evaluated = hooks.evaluation() == null ? hooks.withEvaluation(heldOut()) : hooks;
        return new Trainer(
                backend,
                objective(built, data.train()),
                options.training(),
                evaluated.withExtraState(ExtraState.choices(backend)),
                folder);
    }

    @Override
    public void close() {
        scope.close();
    }
}
