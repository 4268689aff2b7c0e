package cloze.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.checkpoint.JsonFaults;
import cloze.checkpoint.Safetensors;
import cloze.foreign.GptTwo;
import cloze.image.ImageSettings;
import cloze.image.LabelledImageSettings;
import cloze.image.Normalization;
import cloze.model.GptConfig;
import cloze.nn.Parameters;
import cloze.op.Heads;
import cloze.tensor.Scope;
import cloze.train.log.MetricsLog;
import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every reader of JSON on documents with one thing wrong. Each is read, or refused with an {@link IOException} that names
 * the file, in bounded time and memory. {@code -Dcloze.fuzz.json=N} tries N faults of each document instead of a sample, which
 * is the same each time.
 */
@Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HostileJsonTest {
    private static final int FAULTS = Integer.getInteger("cloze.fuzz.json", 60);
    private static final long HEAP = 64L << 20; // bytes that one document may take
    private static final long DEVICE = 256L << 20;
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    @TempDir
    Path folder;

    private interface Reader {
        void read(Backend backend, Scope scope) throws IOException;
    }

    private static Backend backend() {
        return Backends.open("cpu", BackendOptions.DEFAULT.withThreads(1).withMemory(DEVICE));
    }

    private void attack(Path file, Reader reader) throws IOException {
        String valid = Files.readString(file);
        List<JsonFaults.Fault> faults = JsonFaults.of(valid);
        var random = new SplittableRandom(faults.size());
        int refused = 0;
        try (Backend backend = backend()) {
            try (Scope scope = backend.memory().scope("valid")) {
                reader.read(backend, scope); // else nothing is tested, and the first case would pay for loading classes
            }
            for (int left = faults.size(), wanted = FAULTS; left > 0; left--) {
                if (random.nextInt(left) >= wanted) {
                    continue;
                }
                wanted--;
                JsonFaults.Fault fault = faults.get(left - 1);
                Files.writeString(file, fault.json());
                refused += refused(backend, file, fault, reader) ? 1 : 0;
            }
        } finally {
            Files.writeString(file, valid);
        }
        assertThat(refused).as("both verdicts are put to the test").isPositive();
    }

    private boolean refused(Backend backend, Path file, JsonFaults.Fault fault, Reader reader) {
        String what = file.getFileName() + " with " + fault.what();
        long before = THREADS.getCurrentThreadAllocatedBytes();
        long start = System.nanoTime();
        try (Scope scope = backend.memory().scope("hostile")) {
            reader.read(backend, scope);
            return false;
        } catch (IOException e) {
            assertThat(e.getMessage()).as(what).contains(folder.toString());
            assertThat(e.getMessage().chars().noneMatch(Character::isISOControl))
                    .as(what + ": " + e.getMessage())
                    .isTrue();
            return true;
        } catch (RuntimeException | Error e) {
            throw new AssertionError(what, e);
        } finally {
            assertThat(THREADS.getCurrentThreadAllocatedBytes() - before)
                    .as(what)
                    .isLessThan(HEAP);
            assertThat(System.nanoTime() - start).as(what).isLessThan(TimeUnit.SECONDS.toNanos(20));
        }
    }

    private static List<Recipe<?, ?>> recipes() {
        return Recipes.ALL;
    }

    @ParameterizedTest
    @MethodSource("recipes")
    void a_run_of_every_recipe(Recipe<?, ?> recipe) throws IOException {
        save(recipe);
        attack(folder.resolve("config.json"), (backend, scope) -> {
            StoredRun<?, ?> run = StoredRun.read(folder);
            run.companions(folder);
            run.load(folder, backend, scope);
            if (recipe instanceof ImageRecipe<?, ?> && !recipe.startsFromCheckpoint()) {
                Encoders.normalization(folder);
                Encoders.load(folder, Encoders.config(folder).image(), backend, scope);
            }
        });
    }

    private <C extends Record, M> void save(Recipe<C, M> recipe) throws IOException {
        Preset<C> tiny = recipe.tiny();
        Preset<C> preset = switch (tiny.data()) {
            case ImageSettings images -> tiny.withData(images.withFound(Normalization.IMAGENET, List.of("a", "b")));
            case LabelledImageSettings images ->
                tiny.withData(images.withImages(images.images().withFound(Normalization.IMAGENET, List.of("a", "b"))));
            default -> tiny;
        };
        try (Backend backend = backend();
                Scope scope = backend.memory().scope("model")) {
            Parameters.Built<M> built = recipe.build(preset, backend, scope);
            SavedModels.save(folder, recipe, preset, built.parameters(), backend);
        }
    }

    private static Stream<String> earlier() {
        return Stream.of(EarlierRunsTest.GPT, EarlierRunsTest.MAE, EarlierRunsTest.CLASSIFIER);
    }

    @ParameterizedTest
    @MethodSource("earlier")
    void runs_from_before_there_were_recipes(String json) throws IOException {
        Path file = folder.resolve("config.json");
        Files.writeString(file, json);
        attack(file, (_, _) -> {
            StoredRun<?, ?> run = StoredRun.read(folder);
            if (run.recipe() instanceof ImageRecipe<?, ?>) {
                run.companions(folder);
            }
        });
    }

    @Test
    void a_gpt2_of_others() throws IOException {
        copy(Path.of(TestRuns.golden("gpt2-tiny")));
        attack(folder.resolve("config.json"), (backend, scope) -> new GptTwo().load(folder, backend, scope));
    }

    @Test
    void a_llama_of_others() throws IOException {
        GptConfig config = new GptConfig(11, 16, 2, 24, new Heads(4, 2, 6), GptConfig.Style.MODERN, 0);
        try (Backend backend = backend();
                Scope scope = backend.memory().scope("model")) {
            Parameters parameters = Parameters.build(backend, scope, 1, p -> Recipes.GPT.build(config, p))
                    .parameters();
            SavedModels.save(folder, Recipes.GPT, Recipes.GPT.preset().withModel(config), parameters, backend);
            Models.export(folder, folder.resolve("exported"), "", backend);
        }
        Path exported = folder.resolve("exported");
        attack(exported.resolve("config.json"), (backend, scope) -> Models.language(exported, backend, scope));
    }

    @Test
    void a_masked_autoencoder_of_others_and_its_preprocessor() throws IOException {
        save(Recipes.MAE);
        Path exported = folder.resolve("exported");
        try (Backend backend = backend()) {
            Models.export(folder, exported, "huggingface", backend);
        }
        Reader reader = (backend, scope) -> {
            Models.maskedImages(exported, backend, scope);
            Encoders.load(exported, Encoders.config(exported).image(), backend, scope);
        };
        attack(exported.resolve("config.json"), reader);
        attack(exported.resolve("preprocessor_config.json"), (_, _) -> Encoders.normalization(exported));
    }

    @Test
    void an_encoder_of_timm() throws IOException {
        save(Recipes.MAE);
        Path exported = folder.resolve("exported");
        try (Backend backend = backend()) {
            Models.export(folder, exported, "timm", backend);
        }
        attack(exported.resolve("config.json"), (backend, scope) -> {
            Encoders.normalization(exported);
            Encoders.load(exported, Encoders.config(exported).image(), backend, scope);
        });
    }

    @Test
    void an_index_of_shards() throws IOException {
        copy(Path.of(TestRuns.golden("gpt2-tiny")));
        String shard = "model-00001-of-00001.safetensors";
        Files.move(folder.resolve("model.safetensors"), folder.resolve(shard));
        String map;
        try (Safetensors file = Safetensors.open(folder.resolve(shard))) {
            map = file.tensors().keySet().stream()
                    .limit(3)
                    .map(name -> String.format(Locale.ROOT, "\"%s\": \"%s\"", name, shard))
                    .collect(Collectors.joining(", "));
        }
        Path index = folder.resolve("model.safetensors.index.json");
        Files.writeString(
                index, String.format(Locale.ROOT, "{\"metadata\": {\"total_size\": 7}, \"weight_map\": {%s}}", map));
        List<JsonFaults.Fault> faults = JsonFaults.of(Files.readString(index));
        try (Backend backend = backend()) {
            for (JsonFaults.Fault fault : faults) {
                Files.writeString(index, fault.json());
                refused(
                        backend,
                        index,
                        fault,
                        (_, _) -> Safetensors.open(folder).close());
            }
        }
    }

    @Test
    void logs_and_results_of_runs() throws IOException {
        Path metrics = folder.resolve("metrics.jsonl");
        String step = "{\"step\":1,\"loss\":2.5,\"learning_rate\":0.1,\"seconds\":1,\"skipped\":true}";
        String evaluation = "{\"step\":1,\"evaluation\":{\"val_loss\":2.5},\"best\":true}";
        Path results = folder.resolve("results.jsonl");
        String result =
                "{\"cell\":{\"scratch\":true,\"perClass\":1,\"seed\":3},\"accuracy\":0.5,\"loss\":1,\"steps\":4,"
                        + "\"seconds\":1}";
        try (Backend backend = backend()) {
            for (String line : List.of(step, evaluation)) {
                for (JsonFaults.Fault fault : JsonFaults.of(line)) {
                    Files.writeString(metrics, line + "\n" + fault.json() + "\n");
                    refused(
                            backend,
                            metrics,
                            fault,
                            (_, _) -> assertThat(MetricsLog.read(metrics)).isNotEmpty());
                }
            }
            for (JsonFaults.Fault fault : JsonFaults.of(result)) {
                Files.writeString(results, result + "\n" + fault.json() + "\n");
                refused(
                        backend,
                        results,
                        fault,
                        (_, _) ->
                                assertThat(FewLabelResults.read(folder).rows()).isNotEmpty());
            }
        }
    }

    private void copy(Path from) throws IOException {
        for (String name : List.of("config.json", "model.safetensors")) {
            Files.copy(from.resolve(name), folder.resolve(name), StandardCopyOption.REPLACE_EXISTING);
        }
    }
}
