package cloze.recipe;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.image.ImageSettings;
import cloze.image.LabelledImageSettings;
import cloze.text.TextSettings;
import cloze.train.RunFolder;
import cloze.train.Trainer;
import cloze.train.TrainingHooks;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;

/** Runs of recipes for tests, on the first images of Fashion-MNIST (tests/golden/fashion_mnist.py) or on a short text. */
public final class TestRuns {
    private TestRuns() {}

    /** A file or folder of tests/golden. */
    public static String golden(String name) {
        try {
            return Path.of(Objects.requireNonNull(TestRuns.class.getResource("/golden/" + name))
                            .toURI())
                    .toString();
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    public static Backend cpu(int threads) {
        return Backends.open("cpu", BackendOptions.DEFAULT.withThreads(threads));
    }

    /**
     * The tiny model of a recipe on data of the tests.
     *
     * @param folder for what a run begins with
     */
    public static <C extends Record, M> Preset<C> tiny(Recipe<C, M> recipe, Path folder) throws IOException {
        Preset<C> tiny = recipe.tiny();
        return switch (tiny.data()) {
            case TextSettings text -> {
                Path file = folder.resolve("text.txt");
                Files.writeString(file, "It was the best of times, it was the worst of times.\n".repeat(40));
                yield tiny.withData(text.withData(file.toString()));
            }
            case ImageSettings images -> tiny.withData(small(images));
            case LabelledImageSettings labelled -> {
                Path encoder = folder.resolve("encoder");
                if (!Files.exists(encoder)) {
                    run(encoder, Recipes.MAE, tiny(Recipes.MAE, folder), 1, -1);
                }
                yield tiny.withData(labelled.withImages(small(labelled.images())))
                        .withStart(new Start(encoder.toString(), false));
            }
            default -> throw new AssertionError("no data for " + tiny.data());
        };
    }

    private static ImageSettings small(ImageSettings images) {
        return images.withData(golden("fashion-mnist"));
    }

    /**
     * Starts a run, or goes on with the one in the folder.
     *
     * @param stopAfter step after which it is stopped, -1 for none
     * @return the weights in its folder
     */
    public static <C extends Record, M> byte[] run(
            Path path, Recipe<C, M> recipe, Preset<C> preset, int threads, long stopAfter) throws IOException {
        boolean fresh = !Files.exists(path.resolve("config.json"));
        try (Backend backend = cpu(threads);
                RunFolder folder = fresh ? RunFolder.create(path) : RunFolder.resume(path);
                Run<C, M> run = fresh
                        ? Run.start(folder, recipe, preset, backend, Opening.of(path))
                        : Run.resume(folder, recipe, backend, Opening.of(path))) {
            train(run, stopAfter);
        }
        return weights(path);
    }

    /** Trains to the end, or stops after a step. */
    public static void train(Run<?, ?> run, long stopAfter) throws IOException {
        var trainer = new AtomicReference<Trainer>();
        trainer.set(run.trainer(TrainingHooks.NONE.withListener(event -> {
            if (event instanceof TrainingEvent.Step step && step.step() == stopAfter) {
                trainer.get().requestStop();
            }
        })));
        trainer.get().run();
    }

    /** The bytes of all weights of a run; the header, which numbers the checkpoint, is left out. */
    public static byte[] weights(Path run) throws IOException {
        byte[] file = Files.readAllBytes(run.resolve("model.safetensors"));
        int header = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getInt();
        return Arrays.copyOfRange(file, Long.BYTES + header, file.length);
    }
}
