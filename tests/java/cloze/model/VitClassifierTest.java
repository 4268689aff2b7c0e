package cloze.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.image.ImageCodec;
import cloze.image.ImageSettings;
import cloze.image.LabelledImageSettings;
import cloze.image.Normalization;
import cloze.image.Picture;
import cloze.nn.Parameters;
import cloze.nn.Stack;
import cloze.optim.AdamW;
import cloze.optim.Optimizer;
import cloze.recipe.Models;
import cloze.recipe.Opening;
import cloze.recipe.Prepared;
import cloze.recipe.Preset;
import cloze.recipe.Recipes;
import cloze.recipe.SavedModels;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class VitClassifierTest {
    private static final List<String> NAMES = List.of("a", "b", "c", "d", "e");
    private static final int CLASSES = NAMES.size();
    private static final VitConfig ENCODER = new VitConfig(8, 3, 2, new Stack(3, 16, 2));

    private final Backend backend = Backends.open("cpu", BackendOptions.DEFAULT.withThreads(1));
    private final Scope scope = backend.memory().scope("test");

    @TempDir
    private Path temporary;

    @AfterEach
    void close() {
        scope.close();
        backend.close();
    }

    private Parameters.Built<VitClassifier> build(Pooling pool, double dropPath, long seed) {
        var config = new VitClassifierConfig(ENCODER, CLASSES, pool, dropPath);
        return Parameters.build(backend, scope, seed, p -> new VitClassifier(config, p));
    }

    private static float[] images(int count) {
        var random = new SplittableRandom(3);
        float[] pixels = new float[count * 8 * 8 * 3];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (float) random.nextGaussian();
        }
        return pixels;
    }

    private float[] logits(VitClassifier model, float[] images) {
        try (Scope step = backend.memory().scope("step")) {
            Tape tape = Tape.inference(backend, step);
            return backend.floats(model.logits(tape, model.patches(tape, images)));
        }
    }

    @ParameterizedTest
    @EnumSource
    void learns_one_batch_by_heart(Pooling pool) {
        Parameters.Built<VitClassifier> built = build(pool, 0, 1);
        Optimizer optimizer =
                new AdamW.Config(3e-3, 0.9, 0.999, 1e-8, 0, true).create(backend, scope, built.parameters());
        float[] images = images(10);
        float[] targets = new float[10 * CLASSES];
        for (int b = 0; b < 10; b++) {
            targets[b * CLASSES + b * 3 % CLASSES] = 1;
        }
        double loss = Double.NaN;
        for (int i = 0; i < 150; i++) {
            try (Scope step = backend.memory().scope("step")) {
                Tape tape = Tape.recording(backend, step, 0, i);
                built.parameters().accumulator().reset();
                VitClassifier model = built.model();
                Tensor value = model.losses(
                                tape, model.logits(tape, model.patches(tape, images)), model.targets(tape, targets))
                        .getFirst();
                tape.backward(value, built.parameters().accumulator());
                built.parameters().accumulator().complete();
                loss = backend.scalar(value);
                if (i == 0) {
                    assertThat(loss).isBetween(Math.log(CLASSES) - 0.2, Math.log(CLASSES) + 0.2);
                }
            }
            optimizer.step(1, 1);
        }
        assertThat(loss).isLessThan(0.02);
        float[] logits = logits(built.model(), images);
        for (int b = 0; b < 10; b++) {
            for (int c = 0; c < CLASSES; c++) {
                assertThat(logits[b * CLASSES + c]).isLessThanOrEqualTo(logits[b * CLASSES + b * 3 % CLASSES]);
            }
        }
    }

    @Test
    void parameters_are_those_of_timm() {
        assertThat(Parameters.shapes(
                                p -> new VitClassifier(new VitClassifierConfig(ENCODER, CLASSES, Pooling.MEAN, 0), p))
                        .keySet())
                .contains("cls_token", "patch_embed.proj.weight", "blocks.2.mlp.fc2.bias", "fc_norm.weight")
                .contains("fc_norm.bias", "head.weight", "head.bias")
                .doesNotContain("norm.weight", "pos_embed");
        assertThat(Parameters.shapes(p ->
                                new VitClassifier(new VitClassifierConfig(ENCODER, CLASSES, Pooling.CLASS_TOKEN, 0), p))
                        .keySet())
                .contains("norm.weight", "head.bias")
                .doesNotContain("fc_norm.weight");
    }

    @Test
    void depths_are_those_of_the_paper_s_code() {
        var config = new VitClassifierConfig(ENCODER, CLASSES, Pooling.MEAN, 0);
        assertThat(VitClassifier.depths(config)).isEqualTo(5);
        for (String embedding : new String[] {"cls_token", "pos_embed", "patch_embed.proj.weight"}) {
            assertThat(VitClassifier.depth(config, embedding)).as(embedding).isZero();
        }
        assertThat(VitClassifier.depth(config, "blocks.0.norm1.weight")).isEqualTo(1);
        assertThat(VitClassifier.depth(config, "blocks.2.attn.qkv.bias")).isEqualTo(3);
        for (String last : new String[] {"fc_norm.weight", "head.weight", "head.bias", "norm.bias"}) {
            assertThat(VitClassifier.depth(config, last)).as(last).isEqualTo(4);
        }
    }

    /** With a picture of each class to learn from, and one held out. */
    private Prepared<VitClassifierConfig, VitClassifier> open(Preset<VitClassifierConfig> preset) throws IOException {
        Path images = temporary.resolve("images");
        byte[] png = ImageCodec.installed().png(new Picture(8, 8, 3, new byte[8 * 8 * 3]));
        for (String name : NAMES) {
            Files.createDirectories(images.resolve(name));
            Files.write(images.resolve(name).resolve("1.png"), png);
            Files.write(images.resolve(name).resolve("2.png"), png);
        }
        var data = (LabelledImageSettings) preset.data();
        ImageSettings from = data.images().withData(images.toString()).withHeldOut(0.5);
        return Recipes.CLASSIFIER.open(preset.withData(data.withImages(from)), Opening.of(temporary));
    }

    @Test
    void begins_with_the_encoder_of_a_masked_autoencoder_and_a_head_of_its_own() throws IOException {
        var mae = new MaeConfig(8, 3, 2, ENCODER.stack(), new Stack(1, 8, 2), 0.75, true);
        var pretrained = Parameters.build(backend, scope, 9, p -> new Mae(mae, p));
        Preset<MaeConfig> run = Recipes.MAE
                .preset()
                .withModel(mae)
                .withData(ImageSettings.of("").withFound(Normalization.IMAGENET, List.of()));
        Path encoder = temporary.resolve("encoder");
        SavedModels.save(encoder, Recipes.MAE, run, pretrained.parameters(), backend);
        Parameters.Built<VitClassifier> built = build(Pooling.MEAN, 0, 1);
        float[] head = backend.floats(built.parameters().named("head.weight"));
        try (Prepared<VitClassifierConfig, VitClassifier> prepared = open(Recipes.CLASSIFIER.preset(encoder))) {
            assertThat(prepared.preset().model().encoder()).isEqualTo(ENCODER);
            prepared.begin(built, backend);
        }
        int copied = 0;
        for (Tensor parameter : built.parameters().tensors()) {
            if (!parameter.name().startsWith("head.") && !parameter.name().startsWith("fc_norm.")) {
                assertThat(backend.floats(parameter))
                        .as(parameter.name())
                        .isEqualTo(backend.floats(pretrained.parameters().named(parameter.name())));
                copied++;
            }
        }
        assertThat(copied).isEqualTo(3 * 12 + 3);
        assertThat(backend.floats(built.parameters().named("head.weight"))).isEqualTo(head);
    }

    @Test
    void a_folder_gives_the_same_logits() throws IOException {
        Parameters.Built<VitClassifier> built = build(Pooling.MEAN, 0.2, 4);
        Preset<VitClassifierConfig> preset =
                Recipes.CLASSIFIER.preset().withModel(built.model().config());
        var data = (LabelledImageSettings) preset.data();
        ImageSettings images = data.images().withFound(Normalization.IMAGENET, NAMES);
        SavedModels.save(
                temporary, Recipes.CLASSIFIER, preset.withData(data.withImages(images)), built.parameters(), backend);
        Models.Loaded<VitClassifier> read = Models.classifier(temporary, backend, scope);
        assertThat(read.model().config()).isEqualTo(built.model().config());
        assertThat(read.companions().classes()).isEqualTo(NAMES);
        assertThat(read.companions().normalization()).isEqualTo(Normalization.IMAGENET);
        assertThat(logits(read.model(), images(4))).isEqualTo(logits(built.model(), images(4)));
    }

    @Test
    void paths_are_dropped_while_training_alone() {
        VitClassifier model = build(Pooling.MEAN, 0.9, 1).model();
        float[] images = images(6);
        float[] first = logits(model, images);
        assertThat(logits(model, images)).isEqualTo(first);
        try (Scope step = backend.memory().scope("step")) {
            Tape tape = Tape.recording(backend, step, 0, 0);
            assertThat(backend.floats(model.logits(tape, model.patches(tape, images))))
                    .isNotEqualTo(first);
        }
    }

    @Test
    void rejects_what_tells_nothing_apart() {
        assertThatThrownBy(() -> new VitClassifierConfig(ENCODER, 1, Pooling.MEAN, 0))
                .hasMessage("VitClassifierConfig: classes must be 2 or more, but are 1");
        assertThatThrownBy(() -> new VitClassifierConfig(ENCODER, 2, Pooling.MEAN, 1))
                .hasMessage("VitClassifierConfig: dropPath must be in [0, 1), but it is 1.0");
    }
}
