package cloze.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.backend.Backend;
import cloze.foreign.HostParameters;
import cloze.generate.Sampling;
import cloze.image.ImageSettings;
import cloze.image.LabelledImageSettings;
import cloze.model.GptConfig;
import cloze.model.MaeConfig;
import cloze.model.Pooling;
import cloze.model.VitClassifierConfig;
import cloze.nn.Parameters;
import cloze.op.Heads;
import cloze.serve.LanguageModel;
import cloze.tensor.Scope;
import cloze.text.TextSettings;
import cloze.text.token.CharTokenizer;
import cloze.train.Settings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Folders as the command wrote them before there were recipes are read. */
class EarlierRunsTest {
    static final String GPT = """
            {"model_type": "cloze-gpt", "vocabulary": 5, "context": 8, "layers": 1, "width": 16,
             "heads": {"queries": 2, "key_values": 2, "width": 8},
             "style": {"positions": "rotary", "norm": "rms", "mlp": "swiglu", "bias": false}, "dropout": 0.0,
             "pretraining": {"preset": "nano",
              "text": {"data": "book.txt", "column": "", "tokenizer": "char", "heldOut": 0.2},
              "size": {"context": 8, "batch": 12, "microBatches": 3, "dropout": 0.0, "recompute": true},
              "descent": {"steps": 50, "optimizer": "muon", "learningRate": 0.002, "schedule": "wsd", "warmup": 5,
                          "clip": 1.0, "ema": 0.9},
              "watch": {"evaluateEvery": 13, "sampleEvery": 500, "checkpointEvery": 250, "outlierZ": 7.0, "patience": 2},
              "seed": 7}}
            """;

    static final String MAE = """
            {"model_type": "cloze-mae", "image": 32, "channels": 1, "patch": 4,
             "encoder": {"layers": 6, "width": 128, "heads": 4, "positions": "sin_cos", "epsilon": 1.0E-6},
             "decoder": {"layers": 2, "width": 96, "heads": 4, "positions": "sin_cos", "epsilon": 1.0E-6},
             "mask_ratio": 0.75, "norm_pix_loss": true, "normalization": {"mean": [0.25], "deviation": [0.5]},
             "pretraining": {"method": "MAE", "preset": "vit-nano-32",
              "images": {"data": "photos", "heldOut": 0.1, "leastArea": 0.2, "flip": false, "strict": true, "threads": 3},
              "size": {"image": 32, "patch": 4, "channels": 1, "batch": 64, "microBatches": 2, "ratio": 0.75,
                       "normalize": true},
              "descent": {"steps": 20, "epochs": 0.0, "baseLearningRate": 0.004, "warmup": 2, "weightDecay": 0.05,
                          "clip": 0.0, "ema": 0.0},
              "watch": {"evaluateEvery": 250, "pictureEvery": 100, "checkpointEvery": 250, "outlierZ": 7.0},
              "seed": 1337}}
            """;

    static final String CLASSIFIER = """
            {"model_type": "cloze-vit-classifier", "image": 32, "channels": 1, "patch": 4,
             "encoder": {"layers": 12, "width": 192, "heads": 3, "positions": "learned", "epsilon": 1.0E-6},
             "num_classes": 2, "pool": "class_token", "drop_path_rate": 0.1, "classes": ["cat", "dog"],
             "normalization": {"mean": [0.25], "deviation": [0.5]},
             "finetuning": {"begin": {"checkpoint": "runs/vit", "scratch": true, "pool": "CLASS_TOKEN"},
              "images": {"data": "pets", "heldOut": 0.1, "perClass": 5, "strict": false, "threads": 2},
              "regularization": {"leastArea": 0.4, "flip": true, "erase": 0.25, "mixup": 0.8, "cutmix": 1.0,
                                 "smoothing": 0.1, "dropPath": 0.1},
              "size": {"image": 0, "batch": 64, "microBatches": 1},
              "descent": {"steps": 10, "epochs": 0.0, "baseLearningRate": 0.004, "layerDecay": 0.75, "warmup": 0.05,
                          "weightDecay": 0.05, "clip": 1.0},
              "watch": {"evaluateEvery": 0, "checkpointEvery": 0}, "seed": 3}}
            """;

    @TempDir
    private Path folder;

    private StoredRun<?, ?> read(String json) throws IOException {
        Files.writeString(folder.resolve("config.json"), json);
        return StoredRun.read(folder);
    }

    @Test
    void a_gpt_keeps_its_settings_and_generates() throws IOException {
        StoredRun<?, ?> run = read(GPT);
        assertThat(run.recipe()).isSameAs(Recipes.GPT);
        var config = new GptConfig(5, 8, 1, 16, Heads.of(2, 8), GptConfig.Style.MODERN, 0);
        assertThat(run.preset().model()).isEqualTo(config);
        assertThat(run.preset().data()).isEqualTo(new TextSettings("book.txt", "", "char", 0.2));
        Settings settings = run.preset().settings();
        assertThat(settings.length().steps()).isEqualTo(50);
        assertThat(settings.batch()).isEqualTo(new Settings.Batch(12, 3, true));
        assertThat(settings.optimization())
                .isEqualTo(new Settings.Optimization(
                        Settings.Algorithm.MUON, 0.002, 0, Settings.Curve.WSD, 5, 0.1, 0.99, 0.1, 1, 1, 0.9));
        assertThat(settings.cadence().evaluateEvery()).isEqualTo(13);
        assertThat(settings.guards().patience()).isEqualTo(2);
        assertThat(settings.seed()).isEqualTo(7);
        CharTokenizer.of("abcde").save(folder.resolve("tokenizer.json"));
        try (Backend backend = TestRuns.cpu(1);
                Scope scope = backend.memory().scope("model")) {
            Parameters parameters = Parameters.build(backend, scope, 1, p -> Recipes.GPT.build(config, p))
                    .parameters();
            HostParameters.write(folder, HostParameters.own(parameters), parameters, backend);
            try (LanguageModel model = LanguageModel.load(folder, backend)) {
                assertThat(model.generate("ab", Sampling.greedy(4))).hasSize(4);
            }
        }
    }

    @Test
    void a_masked_autoencoder_keeps_its_settings() throws IOException {
        StoredRun<?, ?> run = read(MAE);
        assertThat(run.recipe()).isSameAs(Recipes.MAE);
        assertThat(((MaeConfig) run.preset().model()).decoder().width()).isEqualTo(96);
        var images = (ImageSettings) run.preset().data();
        assertThat(images.flip()).isFalse();
        assertThat(images.strict()).isTrue();
        assertThat(Objects.requireNonNull(images.normalization()).mean()).containsExactly(0.25);
        Settings settings = run.preset().settings();
        assertThat(settings.peakLearningRate()).isEqualTo(0.004 * 128 / 256);
        assertThat(settings.training().update().clip()).isZero();
        assertThat(settings.cadence().sampleEvery()).isEqualTo(100);
        assertThat(settings.cadence().probe()).isFalse(); // they had none
        assertThat(Encoders.config(folder).patches()).isEqualTo(64);
    }

    @Test
    void a_classifier_keeps_its_settings_and_classes() throws IOException {
        StoredRun<?, ?> run = read(CLASSIFIER);
        assertThat(run.recipe()).isSameAs(Recipes.CLASSIFIER);
        assertThat(((VitClassifierConfig) run.preset().model()).pool()).isEqualTo(Pooling.CLASS_TOKEN);
        var data = (LabelledImageSettings) run.preset().data();
        assertThat(data.perClass()).isEqualTo(5);
        assertThat(data.erase()).isEqualTo(0.25);
        assertThat(run.companions(folder).classes()).containsExactly("cat", "dog");
        assertThat(run.preset().start()).isEqualTo(new Start("runs/vit", true));
        assertThat(run.preset().settings().schedule().warmup()).isEqualTo(1); // a twentieth of ten steps, rounded
    }

    @Test
    void a_kind_that_never_was_is_named() {
        assertThatThrownBy(() -> read("{\"model_type\": \"cloze-lstm\"}"))
                .hasMessageContaining("model_type must be cloze-gpt or cloze-mae");
        assertThatThrownBy(() -> read("{\"recipe\": \"gtp\"}")).hasMessageContaining("recipe must be gpt, but is gtp");
        assertThatThrownBy(() -> read("{\"model_type\": \"bert\"}"))
                .isInstanceOf(WrongModelException.class)
                .hasMessageContaining("is a model of kind bert, but a run of cloze is needed");
    }
}
