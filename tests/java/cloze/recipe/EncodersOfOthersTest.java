package cloze.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.checkpoint.Safetensors;
import cloze.checkpoint.SafetensorsWriter;
import cloze.checkpoint.StoredTensor;
import cloze.image.ImageSettings;
import cloze.image.LabelledImageSettings;
import cloze.image.Normalization;
import cloze.model.Mae;
import cloze.model.MaeConfig;
import cloze.model.Pooling;
import cloze.model.Vit;
import cloze.model.VitClassifier;
import cloze.model.VitClassifierConfig;
import cloze.nn.Parameters;
import cloze.serve.ImageEncoder;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Exports that other libraries have saved again, and encoders that fine-tuning has changed. */
class EncodersOfOthersTest {
    @TempDir
    Path folder;

    private static float[] random(int count) {
        var random = new Random(5);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private Parameters mae(Backend backend, Scope scope, Path run) throws IOException {
        Preset<MaeConfig> tiny = Recipes.MAE.tiny();
        var images = (ImageSettings) tiny.data();
        Parameters.Built<Mae> built = Recipes.MAE.build(tiny, backend, scope);
        Preset<MaeConfig> preset = tiny.withData(images.withFound(Normalization.IMAGENET, List.of()));
        SavedModels.save(run, Recipes.MAE, preset, built.parameters(), backend);
        return built.parameters();
    }

    private static void rename(Path to, UnaryOperator<String> name) throws IOException {
        Path file = to.resolve("model.safetensors");
        Path old = to.resolve("old.safetensors");
        Files.move(file, old);
        try (Safetensors from = Safetensors.open(old)) {
            var writer = new SafetensorsWriter().metadata("format", "pt");
            for (StoredTensor tensor : from.tensors().values()) {
                writer.add(name.apply(tensor.name()), tensor.type(), tensor.shape(), from.segment(tensor.name()));
            }
            writer.write(file);
        }
        Files.delete(old);
    }

    @Test
    void an_export_that_transformers_5_has_saved_again_is_read() throws IOException {
        try (Backend backend = TestRuns.cpu(1);
                Scope scope = backend.memory().scope("models")) {
            Parameters ours = mae(backend, scope, folder.resolve("run"));
            Path to = folder.resolve("exported");
            Models.export(folder.resolve("run"), to, "huggingface", backend);
            rename(to, name -> name.replace("decoder.decoder_layers.", "decoder.decoder_encoder.layer."));
            Parameters back = Models.maskedImages(to, backend, scope).built().parameters();
            for (Tensor parameter : ours.tensors()) {
                assertThat(backend.floats(back.named(parameter.name())))
                        .as(parameter.name())
                        .isEqualTo(backend.floats(parameter));
            }
        }
    }

    @Test
    void an_encoder_of_timm_whose_norm_is_behind_the_pooling_gives_normalised_vectors() throws IOException {
        try (Backend backend = TestRuns.cpu(1);
                Scope scope = backend.memory().scope("models")) {
            mae(backend, scope, folder.resolve("run"));
            Path to = folder.resolve("exported");
            Models.export(folder.resolve("run"), to, "timm", backend);
            rename(to, name -> name.startsWith("norm.") ? "fc_" + name : name);
            try (ImageEncoder encoder = ImageEncoder.load(to, backend)) {
                float[] vector = encoder.encode(random(16 * 16 * 3)).getFirst();
                double mean = 0;
                double square = 0;
                for (float value : vector) {
                    mean += value / vector.length;
                    square += value * value / vector.length;
                }
                // weights of 1 and biases of 0: a norm before the pooling would not leave them so
                assertThat(mean).isCloseTo(0, within(1e-5));
                assertThat(square).isCloseTo(1, within(1e-3));
                assertThat(encoder.attention(random(16 * 16 * 3)).getFirst()).hasSize(2 * 16);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void a_fine_tuned_run_is_an_encoder_of_what_its_head_sees(Pooling pool) throws IOException {
        Preset<VitClassifierConfig> tiny = Recipes.CLASSIFIER.tiny();
        var config = new VitClassifierConfig(tiny.model().encoder(), 3, pool, 0);
        var data = (LabelledImageSettings) tiny.data();
        List<String> classes = List.of("a", "b", "c");
        Preset<VitClassifierConfig> preset = tiny.withModel(config)
                .withData(data.withImages(data.images().withFound(Normalization.IMAGENET, classes)));
        try (Backend backend = TestRuns.cpu(1);
                Scope scope = backend.memory().scope("models")) {
            Parameters.Built<VitClassifier> built = Recipes.CLASSIFIER.build(preset, backend, scope);
            SavedModels.save(folder, Recipes.CLASSIFIER, preset, built.parameters(), backend);
            float[] image = random(16 * 16 * 3);
            Tape tape = Tape.inference(backend, scope);
            float[] logits =
                    backend.floats(built.model().logits(tape, built.model().patches(tape, image)));
            Parameters.Built<Vit> encoder = Encoders.load(folder, 16, backend, scope);
            float[] vector = backend.floats(encoder.model().features(tape, image, pool));
            float[] head = backend.floats(built.parameters().named("head.weight"));
            float[] bias = backend.floats(built.parameters().named("head.bias"));
            for (int c = 0; c < 3; c++) {
                double logit = bias[c];
                for (int i = 0; i < vector.length; i++) {
                    logit += head[c * vector.length + i] * vector[i];
                }
                assertThat((double) logits[c]).isCloseTo(logit, within(1e-5));
            }
        }
    }
}
