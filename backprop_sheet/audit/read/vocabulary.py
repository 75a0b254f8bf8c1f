"""The words of headers in many languages, and the English words that the spellings know.

A header that no spelling matches is translated word by word: "Gewicht 1" is "weight 1".
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from backprop_sheet.audit.read.typing_errors import IDEOGRAPH, MIN_LETTERS, is_mistyped

# English word: the words that mean the same, in lower case; German, French, Spanish, Italian,
# Portuguese, Dutch, Polish, Turkish, Russian, Swedish and other languages, then Chinese and
# Japanese. Accents may be left out.
VOCABULARY: dict[str, str] = {
    "weight": "weights gewicht gewichte gewichtung poids peso pesos pesi gewichten waga wagi "
    "agirlik agirligi вес веса вага vikt vikter vaha vahy suly vekt wt wgt 权重 权值 權重 权 "
    "重み ウェイト भार",
    "bias": "biases schwellwert schwelle biais sesgo sesgos soglia vies offset threshold "
    "önyargi смещение порог 偏置 偏差 偏移 バイアス",
    "net": "netto nettoeingabe netzeingabe nettoeingang netinput nettoinput preactivation "
    "preactivacion preattivazione preativacao preaktivierung netta net_input somme suma summe "
    "soma somma som gewogen toplam сумма взвешенная summa weighted pondérée ponderada pesata "
    "ponderee gewichtete 加权和 净输入 総和 netinvoer",
    "output": "outputs ausgabe ausgang ausgangswert sortie salida uscita saida uitvoer "
    "uitgang wyjscie wyjscia cikis ciktisi выход вывод utgang utdata vystup kimenet 输出 輸出 "
    "出力 आउटपुट",
    "activation": "aktivierung aktivation activacion activación attivazione ativação ativacao "
    "activatie aktywacja aktivasyon активация aktivering aktivace 激活 激活值 活性化 活性",
    "input": "inputs eingabe eingang eingangswert entree entrée entrada ingresso invoer "
    "ingang wejscie wejście girdi giris вход indata vstup bemenet 输入 輸入 入力 特征 特徵 इनपुट",
    "target": "targets ziel zielwert soll sollwert sollausgabe cible objectif voulu désiré "
    "desiree objetivo deseado esperado obiettivo desiderato alvo desejado doel doelwaarde cel "
    "oczekiwane hedef цель целевое måltal cil 目标 目標 期望 教師 目标值 标签 "
    "標籤 attendu attendue लक्ष्य",
    "error": "त्रुटि errors fehler erreur erreurs error errore erro fout blad błąd hata ошибка fel "
    "chyba hiba perte perdida perdita perda verlust verlies strata kayip потеря koszt coste "
    "coût cout costo custo kosten maliyet стоимость 误差 誤差 损失 損失",
    "total error": "gesamtfehler totalfehler fehlersumme gesamterror fehlergesamt "
    "summenfehler toplamhata fouttotaal 总误差 總誤差 全誤差 誤差合計",
    "total": "gesamt totale gesamte summiert totaal totalt całkowity calkowity общая "
    "суммарная celkova 总 合計",
    "mean": "mittlerer mittlere durchschnitt moyenne medio media médio gemiddelde sredni "
    "ortalama средняя medel 平均",
    "gradient": "gradients gradienten gradiente gradienti gradientes gradienty grad ableitung "
    "ableitungen ablt abl derivee dérivée derivada derivadas derivata afgeleide pochodna "
    "turev türev градиент производная derivate derivative gradyan 梯度 导数 導数 勾配 微分",
    "delta": "deltas fehlersignal fehlerterm signalerreur дельта デルタ",
    "hidden": "versteckt versteckte verborgen verdeckt verdeckte cache cachee cachée caché "
    "oculta oculto ocultas nascosto nascosta ukryty ukryta gizli скрытый скрытого скрытая "
    "dold skryta 隐藏 隐层 隠れ",
    "neuron": "neurone neurona neurône neurónio neuronio unit units einheit knoten node neuro "
    "nöron noron нейрон 神经元 ニューロン",
    "learning rate": "lernrate lernfaktor schrittweite aprendizaje apprentissage "
    "apprendimento aprendizagem leersnelheid leertempo ogrenme обучения навчання inlärningstakt "
    "inlärningshastighet læringsrate uczenia uceni ucenia învățare tanulasi oppimisnopeus μάθησης "
    "learningrate stepsize 学习率 學習率 学習率",
    "iteration": "iterationen iteracion iteración itération iterazione iteração iteracao "
    "iteratie iteracja iterasyon adim итерация шаг epoche epoque época epoca epoka эпоха "
    "schritt durchlauf durchgang paso passo stap krok étape etape pas runde round pass 迭代 "
    "轮次 次数 反復 回",
    "sample": "beispiel exemple ejemplo esempio exemplo voorbeeld muster przyklad ornek "
    "пример stichprobe 样本 サンプル",
    "new": "neu neue neues neuer nouveau nouvelle nouveaux nuevo nueva nuevos nuovo nuova "
    "novo nova nieuw nieuwe nowy nowa yeni новый новая aktualisiert updated 新 新しい 更新后",
    "old": "alt alte altes alter ancien ancienne anciens viejo vieja viejos vecchio vecchia velho "
    "antigo antiguo oud oude stary stara eski старый старая gammal anterior 旧 古い",
}
# Words without a meaning of their own.
_FILLERS = (
    "the of from to at bei da das de del della dello den der des di die do dos du ein "
    "eine el for hizi il in la las le les lo los na no nr num number numero nummer numéro "
    "n° nº par rate tasa tasso taux taxa un une valeur valor valore value van von voor "
    "waarde wert zu для от по скорость швидкість rychlost rychlosť współczynnik "
    "wspolczynnik szybkość oranı hızı hastighet rata ráta ρυθμός"
)
ORDINALS = {
    word: number
    for number, words in {
        "1": "first erste erstes erster premier première primero primera primo prima primeiro "
        "eerste",
        "2": "second zweite zweites zweiter deuxième segundo segunda secondo seconda tweede",
        "3": "third dritte drittes dritter troisième tercero tercera terzo terza terceiro derde",
        "4": "fourth vierte viertes vierter quatrième cuarto cuarta quarto quarta vierde",
        "5": "fifth fünfte fünftes fünfter cinquième quinto quinta vijfde",
        "6": "sixth sechste sechstes sechster sixième sexto sexta sesto sesta zesde",
        "7": "seventh siebte siebtes siebter septième séptimo settimo settima sétimo zevende",
        "8": "eighth achte achtes achter huitième octavo ottavo ottava oitavo achtste",
    }.items()
    for word in words.split()
}

_LETTERS = re.compile(r"[^\W\d_]+")
_MARKS = "\u0300-\u036f\u0900-\u0903\u093a-\u094f\u0962\u0963"  # of accents, and in Hindi
_WORD = re.compile(rf"(?:[^\W\d_][{_MARKS}]*){{2,}}\.?")
_NUMBER_SIGN = re.compile(r"\bn\s*[°º]\s*(?=[0-9])")  # "poids n°1"
_ORDINAL = re.compile(r"\b([1-9][0-9]?)\s*(?:\.|st|nd|rd|th|er|e|º|ª|ter|te|tes|°)(?=\s+[^\W\d_])")
_ELISION = re.compile(r"\b[dl]['’]")
_UNSPACED = re.compile(f"{IDEOGRAPH.pattern}+")
# A word for the kind before a name that says it, too: "weight w1", "weight u11".
_SAID_TWICE = re.compile(
    r"\b(?:weight\s+(?=[uvw]\W?\d)|bias\s+(?=b\W?\d)|input\s+(?=[ix]\W?\d)|target\s+(?=t\W?\d)|"
    r"hidden\s+(?:neuron\s+)?(?=h\W?\d)|output\s+neuron\s+(?=o\W?\d)|neuron\s+(?=[ho]\W?\d)|"
    r"(?:total\s+error|error)\s+(?=e\W?(?:\d|t)))"
)
_NEURON_WORDS = (
    (re.compile(r"\bhidden\s*(?:neuron|layer)?\s*(?=[0-9])"), "h"),
    (re.compile(r"\boutput\s+neuron\s*(?=[0-9])"), "o"),
    (re.compile(r"(?<=\bdelta )output\s*(?=[0-9])|\boutput\s*(?=[0-9]+ (?:net|sum)\b)"), "o"),
)


@lru_cache(maxsize=8192)
def _plain(word: str) -> str:
    """Return a word without accents: "entrée" is "entree"."""
    decomposed = unicodedata.normalize("NFD", word.casefold().replace("ı", "i"))
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign)).rstrip(".")


@lru_cache(maxsize=1)
def _dictionary() -> dict[str, str]:
    result = {_plain(word): "" for word in _FILLERS.split()}
    for english, words in VOCABULARY.items():
        for word in (english, *words.split()):
            result[_plain(word)] = english
    return result | {_plain(word): f" {digit} " for word, digit in ORDINALS.items()}


@lru_cache(maxsize=1)
def _unspaced_words() -> tuple[str, ...]:
    return tuple(word for word in _dictionary() if _UNSPACED.fullmatch(word))


def words_of(text: str) -> list[str]:
    """Return the words of a text, also of one letter, without signs and numbers."""
    return _LETTERS.findall(text)


def is_word_for(english: str, word: str) -> bool:
    """Whether a word means the same as an English one, maybe mistyped."""
    meaning = (english, *VOCABULARY[english].split())
    return any(is_mistyped(_plain(word), _plain(one)) for one in meaning)


def without_word_for(english: str, word: str) -> str:
    """Return the rest of a word that one for ``english`` is joined to: celková of celkováchyba."""
    plain = _plain(word)
    for one in map(_plain, (english, *VOCABULARY[english].split())):
        if len(one) >= MIN_LETTERS and plain != one:
            if plain.startswith(one):
                return plain.removeprefix(one)
            if plain.endswith(one):
                return plain.removesuffix(one)
    return word


def translated(text: str) -> str:
    """Return a header with English words, and with the number of an ordinal at its end."""
    dictionary = _dictionary()
    number = ""

    def english(match: re.Match[str]) -> str:
        nonlocal number
        word = dictionary.get(_plain(match[0]))
        if word is None:
            return match[0]
        if word.strip().isdigit():
            number = word.strip()
            return " "
        return f" {word} "

    def unspaced(match: re.Match[str]) -> str:
        run = match[0]
        for size in (4, 3, 2, 1):
            for word in [word for word in _unspaced_words() if len(word) == size and word in run]:
                run = run.replace(word, f" {dictionary[word]} ")
        return run

    def ordinal(match: re.Match[str]) -> str:
        nonlocal number
        following = _WORD.match(match.string, match.end() + 1)
        if following and dictionary.get(_plain(following[0])) in ("new", "old"):
            return match[0]  # "peso 3. nuevo" is peso 3 with a full stop
        number = match[1]
        return " "

    text = _ORDINAL.sub(ordinal, _NUMBER_SIGN.sub("", _ELISION.sub("", text)))
    text = _WORD.sub(english, _UNSPACED.sub(unspaced, text))
    text = " ".join(f"{text} {number}".split())
    text = _SAID_TWICE.sub("", text)
    for pattern, letter in _NEURON_WORDS:
        text = pattern.sub(letter, text)
    return text


@lru_cache(maxsize=1)
def rate_words() -> str:
    """Return the words for the learning rate as alternatives of a regular expression."""
    return "|".join(re.escape(word) for word in VOCABULARY["learning rate"].split())
