package cloze.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.foreign.MaeFolder;
import cloze.foreign.VitClassifierFolder;
import cloze.foreign.VitFolder;
import cloze.foreign.VitWeights;
import cloze.image.Normalization;
import cloze.model.VitClassifierConfig.Pool;
import cloze.nn.Parameters;
import cloze.optim.AdamW;
import cloze.optim.Optimizer;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class VitClassifierTest {
    private static final int CLASSES = 5;
    private static final VitConfig ENCODER = new VitConfig(8, 3, 2, new MaeConfig.Stack(3, 16, 2));

    private final Backend backend = Backends.open("cpu", BackendOptions.DEFAULT.withThreads(1));
    private final Scope scope = backend.memory().scope("test");

    @TempDir
    private Path temporary;

    @AfterEach
    void close() {
        scope.close();
        backend.close();
    }

    private Parameters.Built<VitClassifier> build(Pool pool, double dropPath, long seed) {
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
    void learns_one_batch_by_heart(Pool pool) {
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
                Tensor value = model.losses(tape, model.logits(tape, model.patches(tape, images)), targets)
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
        assertThat(Parameters.shapes(p -> new VitClassifier(new VitClassifierConfig(ENCODER, CLASSES, Pool.MEAN, 0), p))
                        .keySet())
                .contains("cls_token", "patch_embed.proj.weight", "blocks.2.mlp.fc2.bias", "fc_norm.weight")
                .contains("fc_norm.bias", "head.weight", "head.bias")
                .doesNotContain("norm.weight", "pos_embed");
        assertThat(Parameters.shapes(p ->
                                new VitClassifier(new VitClassifierConfig(ENCODER, CLASSES, Pool.CLASS_TOKEN, 0), p))
                        .keySet())
                .contains("norm.weight", "head.bias")
                .doesNotContain("fc_norm.weight");
    }

    @Test
    void depths_are_those_of_the_paper_s_code() {
        var config = new VitClassifierConfig(ENCODER, CLASSES, Pool.MEAN, 0);
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

    @Test
    void begins_with_the_encoder_of_a_masked_autoencoder_and_a_head_of_its_own() throws IOException {
        var mae = new MaeConfig(8, 3, 2, ENCODER.stack(), new MaeConfig.Stack(1, 8, 2), 0.75, true);
        var pretrained = Parameters.build(backend, scope, 9, p -> new Mae(mae, p));
        MaeFolder.save(temporary, pretrained.model(), pretrained.parameters(), backend);
        Parameters.Built<VitClassifier> built = build(Pool.MEAN, 0, 1);
        float[] head = backend.floats(built.parameters().named("head.weight"));
        Parameters.Built<Vit> encoder = VitFolder.load(temporary, backend, scope);
        VitClassifierFolder.copyEncoder(encoder.parameters(), built.parameters(), backend);
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
        Parameters.Built<VitClassifier> built = build(Pool.MEAN, 0.2, 4);
        cloze.checkpoint.ConfigJson.write(
                temporary,
                VitClassifierFolder.json(
                        built.model().config(), List.of("a", "b", "c", "d", "e"), Normalization.IMAGENET));
        VitWeights.write(temporary, built.parameters(), backend);
        Parameters.Built<VitClassifier> read = VitClassifierFolder.load(temporary, backend, scope);
        assertThat(read.model().config()).isEqualTo(built.model().config());
        assertThat(VitClassifierFolder.classes(temporary)).containsExactly("a", "b", "c", "d", "e");
        assertThat(VitClassifierFolder.normalization(temporary)).isEqualTo(Normalization.IMAGENET);
        assertThat(logits(read.model(), images(4))).isEqualTo(logits(built.model(), images(4)));
    }

    @Test
    void paths_are_dropped_while_training_alone() {
        VitClassifier model = build(Pool.MEAN, 0.9, 1).model();
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
        assertThatThrownBy(() -> new VitClassifierConfig(ENCODER, 1, Pool.MEAN, 0))
                .hasMessage("VitClassifierConfig: classes must be 2 or more, but are 1");
        assertThatThrownBy(() -> new VitClassifierConfig(ENCODER, 2, Pool.MEAN, 1))
                .hasMessage("VitClassifierConfig: dropPath must be in [0, 1), but it is 1.0");
    }
}
